import { TpmError } from '../error.ts'
import { LogReader } from '../log-reader.ts'
import { devicePathTexts } from './device-path.ts'
import { guessText, utf16Text } from './text.ts'

/** EFI_LOAD_OPTION (UEFI 2.10, section 3.1.3): what a Boot#### variable holds. */
export type LoadOption = {
  attributes: number
  /** LOAD_OPTION_ACTIVE. */
  active: boolean
  description: string
  /** The paths' texts; the first is that of the program. */
  filePaths: string[]
  optionalData: Uint8Array
  /** The optional data where it is text, such as a kernel's command line. */
  optionalText?: string
}

export function readLoadOption(bytes: Uint8Array): LoadOption {
  const reader = new LogReader(bytes)
  const attributes = reader.u32('Attributes')
  const pathsLength = reader.u16('FilePathListLength')
  const start = reader.position
  const end = endOfUtf16(bytes, start)
  if (end === undefined) throw new TpmError('Description: no NUL at its end', { field: 'Description', offset: reader.offset })
  const description = utf16Text(reader.bytes(end - start, 'Description'))
  const filePaths = devicePathTexts(reader.bytes(pathsLength, 'FilePathList'))
  const optionalData = reader.rest()
  const optionalText = guessText(optionalData)?.text
  const active = (attributes & 1) === 1
  return { attributes, active, description, filePaths, optionalData, ...(optionalText !== undefined && { optionalText }) }
}

/** Where the UTF-16 string that begins at `start` ends, its NUL included. */
function endOfUtf16(bytes: Uint8Array, start: number): number | undefined {
  for (let i = start; i + 1 < bytes.length; i += 2) if (bytes[i] === 0 && bytes[i + 1] === 0) return i + 2
  return undefined
}
