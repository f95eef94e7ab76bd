// Processor time that programs have used so far, as the kernel counts it.
import { readFileSync, readdirSync } from 'node:fs'
import { familyOf } from './report.mjs'

const ticks_per_second = 100 // USER_HZ, which is the same on every Linux that Node runs on

// Seconds of every thread, [name, seconds]. Threads that have ended are not there.
export function threadsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const [, name, rest] = /^\d+ \((.*)\) (.*)$/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').trim())
    const fields = rest.split(' ')
    return [name, (Number(fields[11]) + Number(fields[12])) / ticks_per_second]
  })
}

// Seconds of a program with the processes that it started and that still run.
export const processorTimeOf = (pid) =>
  familyOf(pid).flatMap(threadsOf).reduce((sum, [, seconds]) => sum + seconds, 0)
