/** Ends the process quietly when nobody reads its output any more: the reader of a pipe (`… | head`) that has seen enough is not a failure. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  }
}
