/**
 * The formatter for people: a module in its own syntax, with its comments, blank lines between its expressions, and lists that were written
 * over several lines on several lines. What it prints, it prints the same again.
 */
import { partsOf, walkTerms } from '../compile/checks.ts'
import type { Comment, Expr, Module, Rule, RuleBody, Term } from './ast.ts'
import { exprText, itemText, keyText, modifiersText, termText, withLayout } from './format-terms.ts'
import { importText, pathText } from './format.ts'

/**
 * A module as source. Comments inside of what fits on one line come after it.
 *
 * @example
 * const module = parseModule({ file: 'a.rego', source: 'package a\nallow   { input.x==1 } # one' })
 * printModule(module) // → 'package a\n\nallow { input.x == 1 } # one\n'
 */
export function printModule(module: Module): string {
  const printer = new Printer(module)
  return withLayout(
    (term) => printer.layOut(term),
    () => printer.module(),
  )
}

/** Template strings, whose comments are printed as parts of them. */
function templatesOf(module: Module): Term[] {
  const found: Term[] = []
  for (const rule of module.rules)
    for (const part of partsOf(rule)) walkTerms(part, (term) => term.type === 'template' && module.comments.length > 0 && found.push(term))
  return found
}

class Printer {
  private readonly source: string
  private readonly parsed: Module
  private readonly remarks: readonly Comment[]
  /** The next comment to print. */
  private next = 0
  private indent = ''
  private readonly lines: string[] = []

  constructor(module: Module) {
    this.parsed = module
    this.source = module.source
    const templates = templatesOf(module)
    this.remarks = module.comments.filter(({ at }) => !templates.some((template) => template.at < at && at < template.end))
  }

  module(): string {
    const { packageAt, imports, rules } = this.parsed
    this.comments(packageAt)
    this.add(`package ${pathText(this.parsed.package)}`)
    let end = this.trail(this.lineEnd(packageAt))
    for (const [i, each] of imports.entries()) {
      this.gap(end, each.at, i === 0)
      this.comments(each.at)
      this.add(importText(each))
      end = this.trail(each.end)
    }
    let height = 2
    for (const [i, rule] of rules.entries()) {
      const isContinued = rules[i - 1]?.at === rule.at
      const start = this.lines.length
      if (!isContinued) this.gap(end, rule.at, false)
      if (!isContinued) this.comments(rule.at)
      const head = this.lines.length
      this.rule(rule)
      end = this.trail(rule.end)
      // Only rules of one line stand close together.
      const own = this.lines.length - head
      if ((own > 1 || height > 1) && this.lines[start] !== '') this.lines.splice(start, 0, '')
      height = own
    }
    this.comments(Infinity)
    return `${this.lines.join('\n').replace(/\n+$/, '')}\n`
  }

  private lineEnd(at: number): number {
    const end = this.source.indexOf('\n', at)
    const comment = this.remarks.find((each) => each.at >= at)?.at ?? Infinity
    return Math.min(end < 0 ? this.source.length : end, comment)
  }

  private add(text: string): void {
    this.lines.push(...`${this.indent}${text}`.split('\n'))
  }

  private blank(): void {
    if (this.lines.length > 0 && this.lines.at(-1) !== '' && !this.lines.at(-1)!.endsWith('{')) this.lines.push('')
  }

  /** A blank line where the source has one before `to`, or where it must be. */
  private gap(from: number, to: number, isWanted: boolean): void {
    const comment = this.remarks[this.next]
    const until = comment && comment.at < to ? comment.at : to
    if (isWanted || /\n[ \t\r]*\n/.test(this.source.slice(from, until))) this.blank()
  }

  /** Comments before an offset, on lines of their own. */
  private comments(before: number): void {
    const comments = this.remarks
    for (let last = -1; this.next < comments.length && comments[this.next]!.at < before; this.next++) {
      const comment = comments[this.next]!
      const previous = last >= 0 ? comments[last]! : undefined
      if (previous && /\n[ \t\r]*\n/.test(this.source.slice(previous.at, comment.at))) this.blank()
      this.add(`#${comment.text}`.trimEnd())
      last = this.next
      const after = Math.min(before, comments[this.next + 1]?.at ?? Infinity, this.source.length)
      const isLast = (comments[this.next + 1]?.at ?? Infinity) >= before
      if (isLast && before !== Infinity && /\n[ \t\r]*\n/.test(this.source.slice(comment.at, after))) this.blank()
    }
  }

  /** Puts a comment on the line where something ended behind it; where the line goes on. */
  private trail(end: number): number {
    const comment = this.remarks[this.next]
    if (
      !comment ||
      comment.at < end ||
      this.source
        .slice(end, comment.at)
        .trim()
        .replace(/^[,;]$/, '') !== ''
    )
      return end
    if (this.source.slice(end, comment.at).includes('\n')) return end
    this.lines[this.lines.length - 1] += ` #${comment.text}`.trimEnd()
    this.next++
    return comment.at + comment.text.length + 1
  }

  private rule(rule: Rule): void {
    const [first, ...others] = rule.branches
    this.branch(this.head(rule, first!), first!, this.afterHead(rule))
    for (const [i, branch] of others.entries()) {
      const text = `else${branch.value ? ` ${this.assignOf(branch, rule)} ${termText(branch.value)}` : ''}`
      const last = this.lines.at(-1)!
      const before = rule.branches[i]!
      const joins = last === `${this.indent}}` && !this.hasComment(before.end, branch.at)
      if (joins) {
        this.lines.pop()
        this.branch(`} ${text}`, branch, branch.value?.end ?? branch.at)
      } else {
        this.comments(branch.at)
        this.branch(text, branch, branch.value?.end ?? branch.at)
      }
    }
  }

  private hasComment(from: number, to: number): boolean {
    const comment = this.remarks[this.next]
    return comment !== undefined && comment.at >= from && comment.at < to
  }

  private assignOf({ value, at }: RuleBody, rule: Rule): string {
    return this.parsed.version === 'v1' || /:=\s*$/.test(this.source.slice(at, value?.at)) ? ':=' : (rule.assign ?? '=')
  }

  private head(rule: Rule, { value }: RuleBody): string {
    const { ref, args, member } = rule
    const [name, ...path] = ref
    let text = termText(name!) + path.map(keyText).join('')
    if (args) text += `(${args.map(itemText).join(', ')})`
    if (member) text += this.isContains(rule) ? ` contains ${termText(member)}` : `[${termText(member)}]`
    if (value) text += ` ${this.parsed.version === 'v1' ? ':=' : (rule.assign ?? '=')} ${termText(value)}`
    return rule.default ? `default ${text}` : text
  }

  private isContains({ at, member }: Rule): boolean {
    return /\bcontains\s*$/.test(this.source.slice(at, member!.at))
  }

  private afterHead({ branches, member, args, ref, at }: Rule): number {
    return branches[0]!.value?.end ?? member?.end ?? args?.at(-1)?.end ?? ref.at(-1)?.end ?? at
  }

  private branch(head: string, { body, end }: RuleBody, headEnd: number): void {
    if (body.length === 0) return this.add(head)
    const opening = this.source.slice(headEnd, body[0]!.at)
    const hasIf = this.parsed.version === 'v1' || /\bif\b/.test(opening.replace(/#.*/g, ''))
    const isBare = body.length === 1 && hasIf && !/\{\s*$/.test(opening.replace(/#.*/g, ''))
    const bare = isBare ? exprText(body[0]!) : ''
    // A set or an object would be read as a body.
    if (isBare && !bare.startsWith('{')) return this.add(`${head} if ${bare}`)
    const isOneLine = body.length === 1 && !this.source.slice(headEnd, end).includes('\n') && this.parsed.version === 'v0'
    if (isOneLine) return this.add(`${head}${hasIf ? ' if' : ''} { ${exprText(body[0]!)} }`)
    this.add(`${head}${hasIf ? ' if' : ''} {`)
    this.trail(this.openBrace(headEnd, body[0]!.at))
    this.block(body, end)
    this.add('}')
  }

  /** The offset behind the brace that opens a body. */
  private openBrace(from: number, to: number): number {
    const comment = this.remarks[this.next]
    const at = this.source.indexOf('{', from)
    return at < 0 || at > to || (comment && comment.at < at) ? to : at + 1
  }

  /** Expressions, each on a line of its own, and the comments among them. */
  private block(body: readonly Expr[], end: number): void {
    const outer = this.indent
    this.indent += '\t'
    let last = body[0]!.at
    for (const [i, expr] of body.entries()) {
      if (i > 0) this.gap(last, expr.at, false)
      this.comments(expr.at)
      const following = body[i + 1]
      this.expr(expr)
      // A minus at the start of a line would go on with the line before.
      if (following && this.source[following.at] === '-') this.lines[this.lines.length - 1] += ';'
      last = this.trail(expr.end)
    }
    this.comments(end)
    this.indent = outer
  }

  private expr(expr: Expr): void {
    if (expr.type !== 'every' || !this.source.slice(expr.domain.end, expr.body[0]!.at).includes('\n')) return this.add(exprText(expr))
    const variables = `${expr.key ? `${termText(expr.key)}, ` : ''}${termText(expr.value)}`
    this.add(`every ${variables} in ${termText(expr.domain)} {`)
    this.trail(this.openBrace(expr.domain.end, expr.body[0]!.at))
    this.block(expr.body, expr.with[0]?.at ?? expr.end)
    this.add(`}${modifiersText(expr)}`)
  }

  /** Lists, comprehensions and strings as the source has them. */
  layOut(term: Term): string | undefined {
    switch (term.type) {
      case 'scalar': {
        const text = this.source.slice(term.at, term.end)
        return /^["`\d.-]/.test(text) ? text : undefined
      }
      case 'template':
        return this.source.slice(term.at, term.end)
      case 'array':
        return this.list(
          '[',
          term,
          term.items.map((item) => ({ at: item.at, end: item.end, text: () => itemText(item) })),
          ']',
        )
      case 'set':
        return this.list(
          '{',
          term,
          term.items.map((item) => ({ at: item.at, end: item.end, text: () => itemText(item) })),
          '}',
        )
      case 'object':
        return this.list(
          '{',
          term,
          term.entries.map(([key, value]) => ({ at: key.at, end: value.end, text: () => `${itemText(key)}: ${itemText(value)}` })),
          '}',
        )
      case 'array-comprehension':
        return this.comprehension('[', term, termText(term.term, 6), term.term.end, ']')
      case 'set-comprehension':
        return this.comprehension('{', term, termText(term.term, 6), term.term.end, '}')
      case 'object-comprehension':
        return this.comprehension('{', term, `${itemText(term.key)}: ${termText(term.value, 6)}`, term.value.end, '}')
      default:
        return undefined
    }
  }

  /** A list whose first item is on a line of its own. */
  private list(
    open: string,
    term: Term,
    items: readonly { at: number; end: number; text: () => string }[],
    close: string,
  ): string | undefined {
    const [first] = items
    if (!first || !this.source.slice(term.at, first.at).includes('\n')) return undefined
    return this.nested(open, close, () => {
      for (const [i, item] of items.entries()) {
        if (i > 0) this.gap(items[i - 1]!.end, item.at, false)
        this.comments(item.at)
        this.add(`${item.text()},`)
        this.trail(item.end)
      }
      this.comments(term.end)
    })
  }

  private comprehension(
    open: string,
    term: Extract<Term, { body: Expr[] }>,
    head: string,
    headEnd: number,
    close: string,
  ): string | undefined {
    const [first] = term.body
    if (!first || !this.source.slice(headEnd, first.at).includes('\n')) return undefined
    return this.nested(`${open}${head} |`, close, () => {
      const outer = this.indent
      this.indent = outer.slice(1)
      this.block(term.body, term.end)
      this.indent = outer
    })
  }

  /** What `work` adds, indented, between the first line and the last. */
  private nested(open: string, close: string, work: () => void): string {
    const start = this.lines.length
    const outer = this.indent
    this.indent += '\t'
    work()
    this.indent = outer
    const inner = this.lines.splice(start)
    return `${open}\n${inner.join('\n')}\n${outer}${close}`
  }
}
