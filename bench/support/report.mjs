// How a benchmark prints: one line a figure, and a ratio where there is something to compare with.
import { readFileSync, readdirSync } from 'node:fs'

export const heading = (question) => console.log(`\n${question}`)
export const line = (what, figure, note = '') => console.log(`  ${what.padEnd(52)}${figure.padStart(14)}  ${note}`.trimEnd())
export const ms = (n) => `${n < 10 ? n.toFixed(2) : n.toFixed(1)} ms`
export const perSecond = (n) => `${n.toFixed(0)} /s`
export const mib = (kib) => `${(kib / 1024).toFixed(1)} MiB`
export const times = (a, b) => `${(a / b).toFixed(1)} times`

// The share `q` of the sorted values: 0.5 for the median.
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
}

// The processes that a process started, and those that they did, itself included.
export function familyOf(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean))
  return [pid, ...children.flatMap(familyOf)]
}

// Memory of a process and its family in KiB: what is resident, and its fair share of what it shares
// with others.
export function memoryOf(pid) {
  const sum = { rss: 0, pss: 0 }
  for (const member of familyOf(pid)) {
    const rollup = readFileSync(`/proc/${member}/smaps_rollup`, 'utf8')
    const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)[1])
    sum.rss += field('Rss')
    sum.pss += field('Pss')
  }
  return sum
}
