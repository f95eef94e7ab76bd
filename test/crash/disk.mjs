// A disk that a test can fill: a small file system in memory, mounted where only programs that are
// started `via` it see it. Needs user namespaces or root; whyNot says when there are none.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, temporaryFolder } from '../wire/support/network.mjs'

const { status, stderr } = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { encoding: 'utf8' })
export const whyNot = status === 0 ? false : `no file system can be mounted here: ${stderr ?? 'unshare is missing'}`.trim()

export async function makeDisk(megabytes) {
  const dir = temporaryFolder(), ready = join(dir, 'mounted')
  // A process whose namespaces the others enter; what is mounted there goes with it.
  const holder = spawn('unshare', ['-Urm', 'sh', '-c', `mount -t tmpfs -o size=${megabytes}m none ${dir} && touch ${ready} && exec sleep 3600`], { stdio: 'ignore' })
  process.on('exit', () => holder.kill('SIGKILL'))
  const inside = `/proc/${holder.pid}/root${dir}`
  await eventually('the disk is mounted', () => existsSync(`/proc/${holder.pid}/root${ready}`))
  const filler = join(inside, 'filler')
  const enter = ['nsenter', '--preserve-credentials', '--user', '--mount', `--target=${holder.pid}`]
  return {
    dir,
    inside,
    via: enter,
    fill() {
      const file = openSync(filler, 'a')
      for (const bytes of [1 << 20, 4096])
        try {
          for (;;) writeSync(file, Buffer.alloc(bytes))
        } catch (error) {
          assert.equal(error.code, 'ENOSPC')
        }
      closeSync(file)
    },
    makeRoom: () => unlinkSync(filler),
    remount(mode) {
      const [command, ...args] = [...enter, 'mount', '-o', `remount,${mode}`, dir]
      const run = spawnSync(command, args, { encoding: 'utf8' })
      assert.equal(run.status, 0, run.stderr)
    },
    remove: () => holder.kill('SIGKILL'),
  }
}
