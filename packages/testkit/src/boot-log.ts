// A boot as a PC with shim, GRUB and Linux logs it.
import { createHash } from 'node:crypto'
import { EVENT_TYPES as EV } from '@vouchsafe/tpm'
import { ascii, eventLogWriter, guid, startupLocality, u16, u32, u64, u8, utf16 } from './event-log-writer.ts'
import type { EventLogWriter, WriterOptions } from './event-log-writer.ts'
import * as uefi from './uefi.ts'

export interface BootOptions extends WriterOptions {
  /** Default 0, which logs no StartupLocality event. */
  locality?: number
  secureBoot?: boolean
  /** Hashes in the revocation list. */
  revocations?: number
  commandLine?: string
  /** What stands for the kernel's image. */
  kernel?: string
}

const PATH = [uefi.pciRoot, uefi.pci(0x17, 0), uefi.sata(2), uefi.gptDrive(2)]

export function bootLog(options: BootOptions = {}): EventLogWriter {
  const { locality = 0, secureBoot = true, revocations = 20, kernel = 'kernel image', commandLine = 'root=/dev/sda3 ro quiet' } = options
  const log = eventLogWriter(options)
  const config = (vendor: string, name: string, data: Uint8Array) =>
    log.event(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, uefi.variable(vendor, name, data))
  const certificates = uefi.signatureList(uefi.CERT_X509, [uefi.CERTIFICATE])
  const revoked = Array.from({ length: revocations }, (_, i) => sha256(`revoked ${i}`))

  if (locality !== 0) log.noAction(startupLocality(locality))
  log.event(0, EV.EV_S_CRTM_VERSION, utf16('V1.23\0'))
  log.event(0, EV.EV_EFI_PLATFORM_FIRMWARE_BLOB, Buffer.concat([u64(0xff081000), u64(0x90f000)]), ascii('firmware volume'))
  log.event(
    0,
    EV.EV_EFI_PLATFORM_FIRMWARE_BLOB2,
    Buffer.concat([u8(5), ascii('FvMain'.slice(0, 5)), u64(0x800000), u64(0x1000)]),
    ascii('main'),
  )
  config(uefi.GLOBAL, 'SecureBoot', u8(secureBoot ? 1 : 0))
  config(uefi.GLOBAL, 'PK', certificates)
  config(uefi.GLOBAL, 'KEK', certificates)
  config(uefi.IMAGE_SECURITY, 'db', Buffer.concat([certificates, uefi.signatureList(uefi.CERT_SHA256, [sha256('allowed')])]))
  config(uefi.IMAGE_SECURITY, 'dbx', uefi.signatureList(uefi.CERT_SHA256, revoked))
  log.event(7, EV.EV_SEPARATOR, u32(0))
  log.event(1, EV.EV_PLATFORM_CONFIG_FLAGS, ascii('FeatureME=0'))
  log.event(1, EV.EV_EFI_VARIABLE_BOOT, uefi.variable(uefi.GLOBAL, 'BootOrder', Buffer.concat([u16(0), u16(1)])))
  const option = uefi.loadOption('ubuntu', [uefi.gptDrive(2), uefi.file('\\EFI\\ubuntu\\shimx64.efi')])
  log.event(1, EV.EV_EFI_VARIABLE_BOOT, uefi.variable(uefi.GLOBAL, 'Boot0000', option), option)
  log.event(1, EV.EV_EFI_VARIABLE_BOOT2, uefi.variable(uefi.GLOBAL, 'Boot0001', uefi.loadOption('Network', [uefi.pciRoot, uefi.pci(3, 0)])))
  const smbios = Buffer.concat([u64(1), guid('eb9d2d31-2d88-11d3-9a16-0090273fc14d'), u64(0x723c4000)])
  log.event(1, EV.EV_EFI_HANDOFF_TABLES, smbios, ascii('SMBIOS'))
  log.event(4, EV.EV_EFI_ACTION, ascii('Calling EFI Application from Boot Option'))
  for (let pcr = 0; pcr < 7; pcr++) log.event(pcr, EV.EV_SEPARATOR, u32(0))
  log.event(5, EV.EV_EFI_GPT_EVENT, uefi.gpt([{ type: uefi.ESP, guid: uefi.PARTITION, start: 0x800, end: 0x219fff, name: 'ESP' }]))
  const authority = (vendor: string, name: string, data: Uint8Array) =>
    log.event(7, EV.EV_EFI_VARIABLE_AUTHORITY, uefi.variable(vendor, name, data))
  authority(uefi.IMAGE_SECURITY, 'db', uefi.signature(uefi.CERTIFICATE))
  log.event(4, EV.EV_EFI_BOOT_SERVICES_APPLICATION, uefi.imageLoad(...PATH, uefi.file('\\EFI\\ubuntu\\shimx64.efi')), ascii('shim image'))
  log.event(14, EV.EV_IPL, ascii('MokList\0'), ascii('list'))
  authority(uefi.SHIM_LOCK, 'SbatLevel', ascii('sbat,1,2023012900\nshim,2\ngrub,3\n'))
  authority(uefi.SHIM_LOCK, 'MokListTrusted', u8(1))
  log.event(4, EV.EV_EFI_BOOT_SERVICES_APPLICATION, uefi.imageLoad(uefi.file('\\EFI\\ubuntu\\grubx64.efi')), ascii('grub image'))
  const command = (text: string) => log.event(8, EV.EV_IPL, ascii(`grub_cmd: ${text}\0`), ascii(text))
  for (let i = 0; i < 40; i++) command(`set variable_${i}=${'x'.repeat(i % 12)}`)
  log.event(9, EV.EV_IPL, ascii('(hd1,gpt2)/EFI/ubuntu/grub.cfg\0'), ascii('configuration'))
  log.event(8, EV.EV_IPL, ascii(`kernel_cmdline: /vmlinuz ${commandLine}\0`), ascii(`/vmlinuz ${commandLine}`))
  log.event(9, EV.EV_IPL, ascii('/vmlinuz\0'), ascii(kernel))
  log.event(9, EV.EV_EVENT_TAG, uefi.tagged(0x8f3b22ed, ascii('LOADED_IMAGE::LoadOptions\0')), utf16(`${commandLine}\0`))
  log.event(5, EV.EV_EFI_ACTION, ascii('Exit Boot Services Invocation'))
  log.event(5, EV.EV_EFI_ACTION, ascii('Exit Boot Services Returned with Success'))
  return log
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
