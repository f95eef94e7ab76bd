// What a process is given when no network is there to give it: an environment and messages.
const id = (letter) => letter.repeat(43)
export const spawnTags = [{ name: 'Type', value: 'Process' }, { name: 'Module', value: id('M') }]
export const env = {
  Process: { Id: id('P'), Owner: id('O'), Tags: spawnTags },
  Module: { Id: id('M'), Owner: id('O'), Tags: [] },
}
export const message = (nonce, Tags, Data) => ({
  Id: nonce === 0 ? id('P') : String(nonce).padStart(43, 'm'),
  Target: id('P'),
  Owner: id('O'),
  From: id('O'),
  Tags,
  Data,
  Epoch: 0,
  Nonce: nonce,
  Timestamp: 1_700_000_000_000 + nonce,
  'Block-Height': 1,
  Cron: false,
  'Read-Only': false,
})
