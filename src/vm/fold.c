/* Binaryen through its C interface, in a child process: it keeps global state, leaks, starts
 * threads and ends the program when it dislikes its input, and none of that may happen to a node.
 * The child writes the new module into a pipe, and can do nothing else (confine.h). */
#include "vm/fold.h"

#include "vm/confine.h"
#include "vm/validate.h"

#include <binaryen-c.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_SECONDS = 600 };

/* In this order: with the exports gone the state is never written, so it becomes a constant, the
 * constant reaches its uses, and what then can never run goes away, and what only that used. */
static const char *const passes[] = {
    "remove-unused-module-elements",
    "simplify-globals-optimizing",
    "precompute-propagate",
    "vacuum",
    "dce",
    "remove-unused-module-elements",
};

static bool is_asyncify(const aod_wasm_export_t *export) {
  return export->kind == AOD_WASM_FUNCTION && aod_slice_starts(export->name, "asyncify_");
}

bool aod__has_asyncify(const aod_wasm_module_t *module) {
  for (uint32_t i = 0; i < module->export_count; i++)
    if (is_asyncify(&module->exports[i])) return true;
  return false;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len) {
  while (len) {
    ssize_t written = write(fd, bytes, len);
    if (written < 0 && errno != EINTR) return false;
    if (written <= 0) continue;
    bytes += written;
    len -= (size_t)written;
  }
  return true;
}

/* The child's work. */
static bool optimise(const aod_wasm_module_t *module, int output) {
  BinaryenModuleRef binaryen = BinaryenModuleRead((char *)module->wasm.ptr, module->wasm.len);
  /* reading resets the features to what the module says of itself, which may be nothing */
  BinaryenModuleSetFeatures(binaryen, BinaryenFeatureMutableGlobals() | BinaryenFeatureSignExt() |
                                          BinaryenFeatureNontrappingFPToInt() |
                                          BinaryenFeatureBulkMemory() | BinaryenFeatureSIMD128() |
                                          BinaryenFeatureReferenceTypes() |
                                          BinaryenFeatureMultivalue() | BinaryenFeatureMemory64() |
                                          BinaryenFeatureExtendedConst());
  for (uint32_t i = 0; i < module->export_count; i++) {
    if (!is_asyncify(&module->exports[i])) continue;
    char *name = aod_slice_strdup(module->exports[i].name);
    BinaryenRemoveExport(binaryen, name);
    free(name);
  }
  BinaryenSetDebugInfo(true); /* keep the names of functions */
  BinaryenModuleRunPasses(binaryen, (const char **)passes, sizeof passes / sizeof passes[0]);
  BinaryenModuleAllocateAndWriteResult result = BinaryenModuleAllocateAndWrite(binaryen, NULL);
  return write_all(output, result.binary, result.binaryBytes);
}

static _Noreturn void child(const aod_wasm_module_t *module, int output) {
  struct rlimit cpu = {MAX_SECONDS, MAX_SECONDS};
  setrlimit(RLIMIT_CPU, &cpu);
  alarm(MAX_SECONDS); /* in case it waits instead of working */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  _exit(aod__confine_library(output) && optimise(module, output) ? 0 : 1);
}

static void read_all(int fd, aod_buf_t *buf) {
  enum { CHUNK = 1 << 16 };
  for (;;) {
    aod_buf_reserve(buf, CHUNK);
    ssize_t got = read(fd, buf->ptr + buf->len, CHUNK);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    buf->len += (size_t)got;
  }
}

/* `status` as waitpid gives it. */
static int collect(pid_t pid, int input, aod_buf_t *folded, aod_error_t *err) {
  read_all(input, folded);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  aod_buf_free(folded);
  return aod_fail(err, AOD_ECOMPILE, "the optimiser failed on this module (status 0x%x)",
                  (unsigned)status);
}

/* ---- NaNs ---- */

static bool makes_nan(const aod__instruction_t *instruction) {
  switch (instruction->opcode) {
  case AOD__OPCODE(0xfd, 0xe8): /* f32x4.min and max, f64x2.min and max */
  case AOD__OPCODE(0xfd, 0xe9):
  case AOD__OPCODE(0xfd, 0xf4):
  case AOD__OPCODE(0xfd, 0xf5):
    return true;
  default:
    return instruction->row->flags & AOD__OP_NAN;
  }
}

static int count_instruction(void *context, aod__checker_t *checker) {
  const aod__instruction_t *instruction = &checker->instruction;
  *(uint64_t *)context += instruction->reachable && makes_nan(instruction);
  return 0;
}

static int count_nan_makers(const aod_wasm_module_t *module, uint64_t *count, aod_error_t *err) {
  aod__checker_t checker = {0};
  int rc = 0;
  *count = 0;
  for (uint32_t i = module->imported_functions; i < module->function_count && !rc; i++)
    rc = aod__walk(&checker, module, i, count_instruction, count, err);
  aod__checker_free(&checker);
  return rc;
}

/* Binaryen's constants have another NaN than our arithmetic (abi.h), and it takes x * 1 for x. So
 * where it did without any operation that could make one, the module stays as it was. Modules that
 * a compiler made have no such operation. */
static int keep_nans(const aod_wasm_module_t *module, aod_buf_t *folded, aod_error_t *err) {
  aod_wasm_module_t after;
  uint64_t count, count_after;
  int rc = count_nan_makers(module, &count, err);
  if (!rc) rc = aod_wasm_decode(aod_buf_slice(folded), &after, err);
  if (rc) return rc;
  rc = count_nan_makers(&after, &count_after, err);
  aod_wasm_module_free(&after);
  if (!rc && count != count_after) {
    aod_buf_clear(folded);
    aod_buf_append(folded, module->wasm);
  }
  return rc;
}

/* ---- folding ---- */

int aod__fold(const aod_wasm_module_t *module, aod_buf_t *folded, aod_error_t *err) {
  if (!aod__has_asyncify(module)) {
    aod_buf_append(folded, module->wasm);
    return 0;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return aod_fail(err, AOD_EIO, "pipe: %s", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) child(module, ends[1]);
  int failure = errno;
  close(ends[1]);
  int rc = pid < 0 ? aod_fail(err, AOD_EIO, "fork: %s", strerror(failure))
                   : collect(pid, ends[0], folded, err);
  close(ends[0]);
  return rc ? rc : keep_nans(module, folded, err);
}
