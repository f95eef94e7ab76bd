/* Binaryen through its C interface, in a child process: it keeps global state, leaks, starts
 * threads and ends the program when it dislikes its input, and none of that may happen to a node.
 * The child writes the new module into a pipe, and can do nothing else (confine.h). */
#include "vm/fold.h"

#include "vm/confine.h"

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
  return rc;
}
