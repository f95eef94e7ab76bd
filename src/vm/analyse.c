#include "vm/analyse.h"

#include <stdlib.h>

#include "vm/validate.h"

typedef struct {
  uint32_t run, callee;
} direct_call_t;

typedef struct {
  uint32_t run;  /* that was open when the block began: it leads here */
  bool switched; /* a br_table goes to its end */
} block_t;

typedef struct {
  aod__analysis_t *analysis;
  const aod_wasm_module_t *module;
  uint32_t function;
  uint32_t run_cap;
  uint32_t *leaders; /* by run: the run that always comes before, or AOD_WASM_NONE */
  uint32_t leader_cap;
  block_t *blocks; /* by control depth */
  uint32_t block_cap;
  direct_call_t *calls; /* paid when it is known which callees are leaves */
  uint32_t call_count, call_cap;
  uint32_t max_depth;
  uint64_t frame; /* bytes, estimated */
} state_t;

bool aod__begins_run(uint32_t opcode, bool last) {
  return opcode == OP_LOOP || opcode == OP_IF || opcode == OP_ELSE || (opcode == OP_END && !last);
}

static void *grow(void *array, uint32_t *cap, uint32_t count, size_t size) {
  if (count < *cap) return array;
  *cap = *cap ? *cap * 2 : 256;
  return aod_realloc(array, *cap * size);
}

static void open_run(state_t *state, uint32_t leader) {
  aod__analysis_t *analysis = state->analysis;
  uint32_t run = analysis->run_count++;
  analysis->run_costs =
      grow(analysis->run_costs, &state->run_cap, run, sizeof *analysis->run_costs);
  state->leaders = grow(state->leaders, &state->leader_cap, run, sizeof *state->leaders);
  analysis->run_costs[run] = 0;
  state->leaders[run] = leader;
  analysis->functions[state->function].run_count++;
}

/* Keep `blocks` in step with the checker's controls, and open the run that begins here. */
static void follow_control(state_t *state, const aod__checker_t *checker) {
  const aod__instruction_t *instruction = &checker->instruction;
  uint32_t depth = checker->control_depth;
  if (instruction->row->immediate == AOD__IMM_BLOCK) {
    state->blocks = grow(state->blocks, &state->block_cap, depth, sizeof *state->blocks);
    state->blocks[depth] = (block_t){.run = state->analysis->run_count - 1};
  }
  for (uint32_t i = 0; i < instruction->label_count; i++)
    if (instruction->labels[i] + 1 < depth)
      state->blocks[depth - instruction->labels[i]].switched = true;
  if (!aod__begins_run(instruction->opcode, depth == 0)) return;
  /* an end has taken its control away already */
  const block_t *block = &state->blocks[instruction->opcode == OP_END ? depth + 1 : depth];
  bool alone = instruction->opcode == OP_LOOP || block->switched;
  open_run(state, alone ? AOD_WASM_NONE : block->run);
}

static void note_call(state_t *state, uint32_t callee) {
  state->calls = grow(state->calls, &state->call_cap, state->call_count, sizeof *state->calls);
  state->calls[state->call_count++] = (direct_call_t){state->analysis->run_count - 1, callee};
}

/* What a compiler that does not optimise keeps in the frame for one instruction. */
static uint32_t frame_bytes(const aod__instruction_t *instruction) {
  if (instruction->opcode >> 16 == 0xfd) return 192;
  return instruction->row->flags & AOD__OP_STORE ? 32 : 8;
}

static int visit(void *context, aod__checker_t *checker) {
  state_t *state = context;
  const aod__instruction_t *instruction = &checker->instruction;
  if (instruction->opcode >> 16 == 0xfd) state->analysis->vectors = true;
  aod__analysis_t *analysis = state->analysis;
  if (checker->depth > state->max_depth) state->max_depth = checker->depth;
  state->frame += frame_bytes(instruction);
  analysis->run_costs[analysis->run_count - 1] += instruction->row->cost;
  if (instruction->opcode == OP_CALL && instruction->index[0] == analysis->gas_import)
    return 0; /* a subtraction */
  bool calls = instruction->opcode == OP_CALL || instruction->opcode == OP_CALL_INDIRECT;
  aod__facts_t *facts = &analysis->functions[state->function];
  if (calls) facts->calls = true;
  if (calls || instruction->opcode == OP_LOOP) facts->leaf = false;
  if (instruction->opcode == OP_CALL) note_call(state, instruction->index[0]);
  follow_control(state, checker);
  return 0;
}

static uint32_t count_words(const aod__checker_t *checker) {
  uint32_t words = 0;
  for (uint32_t i = 0; i < checker->local_count; i++) words += aod_wasm_slots(checker->locals[i]);
  return words;
}

static bool has_vectors(const aod_wasm_valtype_t *types, uint32_t count) {
  return count && memchr(types, AOD_WASM_V128, count);
}

static bool types_have_vectors(const aod_wasm_module_t *module) {
  for (uint32_t i = 0; i < module->type_count; i++)
    if (has_vectors(module->types[i].params, module->types[i].param_count) ||
        has_vectors(module->types[i].results, module->types[i].result_count))
      return true;
  return false;
}

static int analyse_function(state_t *state, aod__checker_t *checker, aod_error_t *err) {
  aod__facts_t *facts = &state->analysis->functions[state->function];
  facts->leaf = true;
  facts->first_run = state->analysis->run_count;
  state->max_depth = 0;
  state->frame = 0;
  open_run(state, AOD_WASM_NONE);
  int rc = aod__walk(checker, state->module, state->function, visit, state, err);
  if (has_vectors(checker->locals, checker->local_count)) state->analysis->vectors = true;
  uint64_t words = (uint64_t)count_words(checker) + state->max_depth;
  facts->weight = 1 + (uint32_t)((state->frame + 8 * words) / AOD__FRAME_BYTES);
  facts->counted = facts->calls || facts->weight > 1; /* a small last frame does no harm */
  return rc;
}

static uint64_t whole_cost(const aod__analysis_t *analysis, const aod__facts_t *facts) {
  uint64_t cost = 0;
  for (uint32_t i = 0; i < facts->run_count; i++) cost += analysis->run_costs[facts->first_run + i];
  return cost;
}

/* Let the leaders of small runs pay for them. From the last to the first, since a leader may be
 * small itself. */
static void merge_small_runs(state_t *state) {
  uint64_t *costs = state->analysis->run_costs;
  for (uint32_t i = state->analysis->run_count; i--;) {
    if (state->leaders[i] == AOD_WASM_NONE || costs[i] >= AOD__SMALL_RUN) continue;
    costs[state->leaders[i]] += costs[i];
    costs[i] = 0;
  }
}

static uint32_t find_gas_import(const aod_wasm_module_t *module) {
  for (uint32_t i = 0; i < module->import_count; i++) {
    const aod_wasm_import_entry_t *import = &module->imports[i];
    if (import->kind == AOD_WASM_FUNCTION && aod_slice_is(import->module, "metering") &&
        aod_slice_is(import->field, "usegas"))
      return import->index;
  }
  return AOD_WASM_NONE;
}

int aod__analyse(const aod_wasm_module_t *module, aod__analysis_t *analysis, aod_error_t *err) {
  *analysis = (aod__analysis_t){
      .functions = aod_alloc((module->function_count + 1) * sizeof *analysis->functions),
      .vectors = types_have_vectors(module),
      .gas_import = find_gas_import(module)};
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
  merge_small_runs(&state);
  aod__checker_free(&checker);
  free(state.calls);
  free(state.leaders);
  free(state.blocks);
  if (rc) aod__analysis_free(analysis);
  return rc;
}

void aod__analysis_free(aod__analysis_t *analysis) {
  free(analysis->functions);
  free(analysis->run_costs);
  *analysis = (aod__analysis_t){0};
}
