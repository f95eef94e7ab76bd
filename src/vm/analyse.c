#include "vm/analyse.h"

#include <stdlib.h>

#include "vm/validate.h"

/* Where a cost is added: loop `account - 1`, or the function itself for account 0. */
typedef struct {
  uint32_t function, account, callee;
} direct_call_t;

typedef struct {
  aod__analysis_t *analysis;
  const aod_wasm_module_t *module;
  uint32_t function;
  uint32_t *accounts; /* by control depth: who pays there */
  uint32_t account_cap, loop_cap;
  direct_call_t *calls; /* paid when it is known which callees are leaves */
  uint32_t call_count, call_cap;
  uint32_t words, max_depth;
} state_t;

static void *grow(void *array, uint32_t *cap, uint32_t count, size_t size) {
  if (count < *cap) return array;
  *cap = *cap ? *cap * 2 : 256;
  return aod_realloc(array, *cap * size);
}

static uint64_t *account_of(state_t *state, uint32_t function, uint32_t account) {
  return account ? &state->analysis->loop_costs[account - 1]
                 : &state->analysis->functions[function].cost;
}

static uint32_t open_loop(state_t *state) {
  aod__analysis_t *analysis = state->analysis;
  analysis->loop_costs = grow(analysis->loop_costs, &state->loop_cap, analysis->loop_count,
                              sizeof *analysis->loop_costs);
  analysis->loop_costs[analysis->loop_count++] = 0;
  return analysis->loop_count;
}

static void note_call(state_t *state, uint32_t account, uint32_t callee) {
  state->calls = grow(state->calls, &state->call_cap, state->call_count, sizeof *state->calls);
  state->calls[state->call_count++] = (direct_call_t){state->function, account, callee};
}

static int visit(void *context, aod__checker_t *checker) {
  state_t *state = context;
  const aod__instruction_t *instruction = &checker->instruction;
  uint32_t depth = checker->control_depth;
  state->accounts = grow(state->accounts, &state->account_cap, depth + 1, sizeof(uint32_t));
  if (checker->depth > state->max_depth) state->max_depth = checker->depth;

  /* a control instruction is charged where its block stands: outside for its beginning */
  bool begins = instruction->row->immediate == AOD__IMM_BLOCK;
  uint32_t account = depth ? state->accounts[begins ? depth - 2 : depth - 1] : 0;
  bool loop = instruction->opcode == OP_LOOP;
  if (begins) state->accounts[depth - 1] = loop ? open_loop(state) : account;
  *account_of(state, state->function, account) += instruction->row->cost;

  bool calls = instruction->opcode == OP_CALL || instruction->opcode == OP_CALL_INDIRECT;
  if (calls || loop) state->analysis->functions[state->function].leaf = false;
  if (instruction->opcode == OP_CALL) note_call(state, account, instruction->index[0]);
  return 0;
}

static uint32_t count_words(const aod__checker_t *checker) {
  uint32_t words = 0;
  for (uint32_t i = 0; i < checker->local_count; i++) words += aod_wasm_slots(checker->locals[i]);
  return words;
}

static int analyse_function(state_t *state, aod__checker_t *checker, aod_error_t *err) {
  aod__facts_t *facts = &state->analysis->functions[state->function];
  facts->leaf = true;
  facts->first_loop = state->analysis->loop_count;
  state->max_depth = 0;
  state->accounts = grow(state->accounts, &state->account_cap, 0, sizeof(uint32_t));
  state->accounts[0] = 0;
  int rc = aod__walk(checker, state->module, state->function, visit, state, err);
  uint64_t words = (uint64_t)count_words(checker) + state->max_depth;
  facts->weight = 1 + (uint32_t)(words / AOD__WORDS_A_UNIT);
  if (facts->weight > 1) facts->leaf = false; /* its frame must be counted */
  return rc;
}

int aod__analyse(const aod_wasm_module_t *module, aod__analysis_t *analysis, aod_error_t *err) {
  *analysis = (aod__analysis_t){
      .functions = aod_alloc((module->function_count + 1) * sizeof *analysis->functions)};
  state_t state = {.analysis = analysis, .module = module};
  aod__checker_t checker = {0};
  int rc = 0;
  for (uint32_t i = module->imported_functions; i < module->function_count && !rc; i++) {
    state.function = i;
    rc = analyse_function(&state, &checker, err);
  }
  for (uint32_t i = 0; i < state.call_count && !rc; i++) {
    const direct_call_t *call = &state.calls[i];
    const aod__facts_t *callee = &analysis->functions[call->callee];
    if (callee->leaf) *account_of(&state, call->function, call->account) += callee->cost;
  }
  aod__checker_free(&checker);
  free(state.accounts);
  free(state.calls);
  if (rc) aod__analysis_free(analysis);
  return rc;
}

void aod__analysis_free(aod__analysis_t *analysis) {
  free(analysis->functions);
  free(analysis->loop_costs);
  *analysis = (aod__analysis_t){0};
}
