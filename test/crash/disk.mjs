// Disks that fail when a test wants it, and are well again, under programs that are started `via`
// them.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readlinkSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { eventually, root, temporaryFolder } from '../wire/support/network.mjs'

// A process whose namespaces the programs enter; what is mounted there goes with it.
function hold(...args) {
  const holder = spawn('unshare', args, { stdio: 'ignore' })
  process.on('exit', () => holder.kill('SIGKILL'))
  holder.unref()
  return holder
}

// --- a disk that a test can fill -----------------------------------------------------------------

// A small file system in memory, mounted where only those programs see it. Needs user namespaces or
// root; whyNot says when there are none.
const { status, stderr } = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { encoding: 'utf8' })
export const whyNot = status === 0 ? false : `no file system can be mounted here: ${stderr ?? 'unshare is missing'}`.trim()

export async function makeSmallDisk(megabytes) {
  const dir = temporaryFolder(), ready = join(dir, 'mounted')
  const holder = hold('-Urm', 'sh', '-c', `mount -t tmpfs -o size=${megabytes}m none ${dir} && touch ${ready} && exec sleep 3600`)
  const inside = `/proc/${holder.pid}/root${dir}`
  await eventually('the disk is mounted', () => existsSync(`/proc/${holder.pid}/root${ready}`))
  const filler = join(inside, 'filler')
  const enter = ['nsenter', '--preserve-credentials', '--user', '--mount', `--target=${holder.pid}`]
  return {
    dir,
    inside,
    via: enter,
    fail() {
      const file = openSync(filler, 'a')
      for (const bytes of [1 << 20, 4096])
        try {
          for (;;) writeSync(file, Buffer.alloc(bytes))
        } catch (error) {
          assert.equal(error.code, 'ENOSPC')
        }
      closeSync(file)
    },
    heal: () => unlinkSync(filler),
    remount(mode) {
      const [command, ...args] = [...enter, 'mount', '-o', `remount,${mode}`, dir]
      const run = spawnSync(command, args, { encoding: 'utf8' })
      assert.equal(run.status, 0, run.stderr)
    },
    remove: () => holder.kill('SIGKILL'),
  }
}

// --- a disk that refuses ------------------------------------------------------------------------

// A folder below which those programs cannot change a thing while it fails, with an error of the
// system's: EROFS, as when a disk was made read-only after an error, or EIO.
export function makeRefusingDisk(error) {
  const dir = temporaryFolder(), own = temporaryFolder()
  const library = join(own, 'disk_fault.so'), number = join(own, 'error')
  execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', library, join(root, 'test/support/disk_fault.c')])
  const write = (value) => writeFileSync(number, new Int32Array([value]), { flag: existsSync(number) ? 'r+' : 'w' })
  write(0)
  return {
    dir,
    via: ['env', `LD_PRELOAD=${library}`, `AOD_TEST_DISK=${dir}`, `AOD_TEST_FAULT=${number}`],
    fail: () => write(constants.errno[error]),
    heal: () => write(0),
    remove: () => {},
  }
}

// --- a disk that makes itself read-only -----------------------------------------------------------

// ext4 in a file, which the kernel takes from under the programs when it is told that there is an
// error in it. They cannot get it back: it has to be unmounted, repaired and mounted again, which
// repair() does. Needs root; whyNotBreak says when that is not enough.
const image = join(temporaryFolder(), 'image')
const makeFileSystem = `truncate -s 64M ${image} && mkfs.ext4 -q -F ${image}`
const mount = `mount -o loop,errors=remount-ro ${image}`
const trial = spawnSync('unshare', ['-m', 'sh', '-c', `${makeFileSystem} && ${mount} /mnt && test -w /sys/fs/ext4/$(basename $(findmnt -no SOURCE /mnt))/trigger_fs_error`], { encoding: 'utf8' })
export const whyNotBreak = trial.status === 0 ? false : `no disk can be broken here: ${trial.stderr ?? 'unshare is missing'}`.trim()

export async function makeBreakingDisk() {
  const dir = temporaryFolder()
  execFileSync('sh', ['-c', makeFileSystem])
  const holder = hold('-m', 'sleep', '3600')
  const via = ['nsenter', '--mount', `--target=${holder.pid}`]
  const run = (script) => execFileSync(via[0], [...via.slice(1), 'sh', '-c', script], { encoding: 'utf8' })
  await eventually('it has mounts of its own', () => readlinkSync(`/proc/${holder.pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt'))
  run(`${mount} ${dir}`)
  return {
    dir,
    via,
    fail: () => run(`echo broken > /sys/fs/ext4/$(basename $(findmnt -no SOURCE ${dir}))/trigger_fs_error`),
    repair: () => run(`umount ${dir}; e2fsck -p -f ${image}; test $? -le 1 && ${mount} ${dir}`),
    remove: () => holder.kill('SIGKILL'),
  }
}
