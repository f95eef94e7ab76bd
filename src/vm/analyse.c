#include "vm/analyse.h"

#include <stdlib.h>

#include "vm/validate.h"

typedef struct {
  uint32_t run, callee;
} direct_call_t;

typedef struct {
  aod__analysis_t *analysis;
  const aod_wasm_module_t *module;
  uint32_t function;
  uint32_t run_cap;
  direct_call_t *calls; /* paid when it is known which callees are leaves */
  uint32_t call_count, call_cap;
  uint32_t max_depth;
} state_t;

bool aod__begins_run(uint32_t opcode, bool last) {
  return opcode == OP_LOOP || opcode == OP_IF || opcode == OP_ELSE || (opcode == OP_END && !last);
}

static void *grow(void *array, uint32_t *cap, uint32_t count, size_t size) {
  if (count < *cap) return array;
  *cap = *cap ? *cap * 2 : 256;
  return aod_realloc(array, *cap * size);
}

static void open_run(state_t *state) {
  aod__analysis_t *analysis = state->analysis;
  analysis->run_costs =
      grow(analysis->run_costs, &state->run_cap, analysis->run_count, sizeof *analysis->run_costs);
  analysis->run_costs[analysis->run_count++] = 0;
  analysis->functions[state->function].run_count++;
}

static void note_call(state_t *state, uint32_t callee) {
  state->calls = grow(state->calls, &state->call_cap, state->call_count, sizeof *state->calls);
  state->calls[state->call_count++] = (direct_call_t){state->analysis->run_count - 1, callee};
}

static int visit(void *context, aod__checker_t *checker) {
  state_t *state = context;
  const aod__instruction_t *instruction = &checker->instruction;
  aod__analysis_t *analysis = state->analysis;
  if (checker->depth > state->max_depth) state->max_depth = checker->depth;
  analysis->run_costs[analysis->run_count - 1] += instruction->row->cost;
  bool calls = instruction->opcode == OP_CALL || instruction->opcode == OP_CALL_INDIRECT;
  if (calls || instruction->opcode == OP_LOOP) analysis->functions[state->function].leaf = false;
  if (instruction->opcode == OP_CALL) note_call(state, instruction->index[0]);
  if (aod__begins_run(instruction->opcode, checker->control_depth == 0)) open_run(state);
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
  facts->first_run = state->analysis->run_count;
  state->max_depth = 0;
  open_run(state);
  int rc = aod__walk(checker, state->module, state->function, visit, state, err);
  uint64_t words = (uint64_t)count_words(checker) + state->max_depth;
  facts->weight = 1 + (uint32_t)(words / AOD__WORDS_A_UNIT);
  if (facts->weight > 1) facts->leaf = false; /* its frame must be counted */
  return rc;
}

static uint64_t whole_cost(const aod__analysis_t *analysis, const aod__facts_t *facts) {
  uint64_t cost = 0;
  for (uint32_t i = 0; i < facts->run_count; i++) cost += analysis->run_costs[facts->first_run + i];
  return cost;
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
    if (callee->leaf) analysis->run_costs[call->run] += whole_cost(analysis, callee);
  }
  aod__checker_free(&checker);
  free(state.calls);
  if (rc) aod__analysis_free(analysis);
  return rc;
}

void aod__analysis_free(aod__analysis_t *analysis) {
  free(analysis->functions);
  free(analysis->run_costs);
  *analysis = (aod__analysis_t){0};
}
