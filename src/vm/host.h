/* The host of one process: what Emscripten's JavaScript glue is to a module under the reference
 * loader, as C functions.
 *
 * Host functions run on the native stack, inside of aod_enter, and end by returning, by a trap
 * (aod_host_fail, an address outside of memory) or by a longjmp to an invoke. So they own nothing
 * while they call into the module or touch its memory.
 *
 * Everything here but `temp_ret` and `tzset_done` begins anew with each message: no clock, file or
 * descriptor outlives one (wasm-host.md C.4), so that a result depends on image and message only.
 *
 * Where the JavaScript glue would read `undefined` from, or drop a write to, an address outside of
 * memory, this host traps with "memory access out of bounds". */
#ifndef AOD_VM_HOST_H
#define AOD_VM_HOST_H

#include "vm/core.h"
#include "vm/drive.h"
#include "vm/files.h"
#include "vm/format.h"

#include <setjmp.h>

/* errno values: WASI's numbers, as Emscripten uses them. */
enum {
  AOD_HOST_EACCES = 2,
  AOD_HOST_EBADF = 8,
  AOD_HOST_EEXIST = 20,
  AOD_HOST_EINVAL = 28,
  AOD_HOST_EIO = 29,
  AOD_HOST_EISDIR = 31,
  AOD_HOST_ELOOP = 32,
  AOD_HOST_EMFILE = 33,
  AOD_HOST_ENAMETOOLONG = 37,
  AOD_HOST_ENODEV = 43,
  AOD_HOST_ENOENT = 44,
  AOD_HOST_ENOMEM = 48,
  AOD_HOST_ENOSPC = 51,
  AOD_HOST_ENOSYS = 52,
  AOD_HOST_ENOTDIR = 54,
  AOD_HOST_ENOTEMPTY = 55,
  AOD_HOST_ENOTTY = 59,
  AOD_HOST_EOVERFLOW = 61,
  AOD_HOST_ERANGE = 68,
  AOD_HOST_ESPIPE = 70,
};

/* Functions of the module that the host calls. */
typedef enum {
  AOD_EXPORT_HANDLE,
  AOD_EXPORT_CTORS,
  AOD_EXPORT_MAIN,
  AOD_EXPORT_STACK_GET,
  AOD_EXPORT_STACK_RESTORE,
  AOD_EXPORT_STACK_ALLOC,
  AOD_EXPORT_STACK_INIT,
  AOD_EXPORT_STACK_END,
  AOD_EXPORT_SET_THREW,
  AOD_EXPORT_DYNCALL, /* what invoke_* calls through; without it, the table */
  AOD_EXPORT_TEMP_RET,
  AOD_EXPORT_MALLOC,
  AOD_EXPORT_MEMALIGN,
  AOD_EXPORT_ERRNO,
  AOD_EXPORT_COUNT
} aod_export_t;

typedef struct {
  uint32_t functions[AOD_EXPORT_COUNT]; /* indices, AOD_WASM_NONE where absent */
  uint32_t protected_type;              /* type number of (p,p)->(), 0 when the module has none */
} aod_host_exports_t;

/* What a module is told to be run as; the reference's worker script. Part of the image in formats
 * 1 and 2. */
#define AOD_HOST_PROGRAM "/usr/app/src/effects/worker/evaluator/index.js"

#define AOD_HOST_OUTPUT_MAX 65536 /* bytes of standard output and error kept for a message */

/* An invoke_* that is active: where a longjmp goes. */
typedef struct aod_jump aod_jump_t;
struct aod_jump {
  jmp_buf target;
  aod_jump_t *outer;
};

typedef struct {
  const aod_format_t *format;
  aod_core_t *core;
  aod_host_exports_t exports;
  const aod_drive_t *drive; /* NULL: not attached */
  int32_t temp_ret;
  bool tzset_done;
  /* the message */
  aod_slice_t msg, env;            /* its texts */
  int64_t ticks;                   /* the next value of the clock, in ms */
  int64_t gas_limit;               /* what core->wasm.gas was when the message began */
  aod_jump_t *jumps;               /* innermost first */
  aod_files_t *files;              /* NULL until a file function is called */
  aod_buf_t reason;                /* why a host function failed */
  int exit_status;                 /* of exit(n), else -1 */
  aod_error_t outage;              /* with a code: the drive could not answer, there is no result */
  aod_buf_t output;                /* whole lines of standard output and error */
  aod_buf_t lines[2];              /* unfinished lines */
  aod_buf_t scratch, scratch_path; /* of one host function: here, so that a trap does not lose it */
} aod_host_t;

/* ---- linking ---- */

/* The extern for each import of the module, into `imports`. AOD_EUNSUPPORTED, naming module and
 * field, for one that the format does not offer or that has another type. */
int aod_host_link(const aod_wasm_module_t *module, const aod_format_t *format,
                  aod_extern_t *imports, aod_error_t *err);

/* Find the exports that the host calls. AOD_EUNSUPPORTED when one is missing or of another type.
 */
int aod_host_find_exports(const aod_wasm_module_t *module, const aod_format_t *format,
                          aod_host_exports_t *exports, aod_error_t *err);

/* ---- life ---- */

void aod_host_begin(aod_host_t *host); /* a message: its own clock, files and output */
void aod_host_end(aod_host_t *host);   /* let go of all but reason, output and counters */
void aod_host_free(aod_host_t *host);  /* what the host owns; zeroed is allowed */

/* ---- for host functions ---- */

static inline aod_host_t *aod_host_of(aod_wasm_instance_t *instance) {
  return instance->host;
}

/* End the evaluation with a reason. */
_Noreturn void aod_host_fail(aod_host_t *host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Take work from the message's budget, in the units of the instructions' costs (analyse.h): a byte
 * that is moved is one. Whatever takes time in proportion to what a module asks for pays. */
void aod_host_charge(aod_host_t *host, uint64_t units);
#define AOD_HOST_CALL_COST 10000 /* of a host function that does more than look something up */

/* What the module reported through metering.usegas. */
static inline int64_t aod_host_gas_used(const aod_host_t *host) {
  return host->gas_limit - host->core->wasm.gas;
}

/* Memory of the module; trap when the range is not all inside. Writing marks the cards. */
const uint8_t *aod_host_read(aod_host_t *host, uint64_t at, uint64_t len);
uint8_t *aod_host_write(aod_host_t *host, uint64_t at, uint64_t len);

uint32_t aod_host_load32(aod_host_t *host, uint64_t at);
uint64_t aod_host_load_pointer(aod_host_t *host, uint64_t at);
void aod_host_store32(aod_host_t *host, uint64_t at, uint32_t value);
void aod_host_store64(aod_host_t *host, uint64_t at, uint64_t value);
void aod_host_store_pointer(aod_host_t *host, uint64_t at, uint64_t value);

/* The bytes up to a NUL or the end of memory, which are charged; empty when `at` is outside. */
aod_slice_t aod_host_string(aod_host_t *host, uint64_t at);

/* Call an export that must be there. `slots` as in aod_core_call. */
void aod_host_call(aod_host_t *host, aod_export_t export, uint64_t *slots);
static inline bool aod_host_has(const aod_host_t *host, aod_export_t export) {
  return host->exports.functions[export] != AOD_WASM_NONE;
}

/* The message's clock: each look moves it on by one. */
static inline int64_t aod_host_tick(aod_host_t *host) {
  return host->ticks++;
}

/* Bytes that the program wrote to standard output (stream 0) or error (1): kept by line. */
void aod_host_print(aod_host_t *host, int stream, aod_slice_t bytes);
void aod_host_flush(aod_host_t *host, int stream); /* what a line still lacks, as a line */

/* ---- the host functions, by topic (host_*.c); rows in host_table.c say what each is ---- */

typedef void aod_host_function_t(aod_wasm_instance_t *instance, uint64_t *slots);

aod_host_function_t aod__host_invoke, aod__host_throw_longjmp, aod__host_set_temp_ret,
    aod__host_get_temp_ret;
aod_host_function_t aod__host_memory_copy, aod__host_resize_heap, aod__host_heap_max;
aod_host_function_t aod__host_date_now, aod__host_now, aod__host_gmtime, aod__host_gmtime_pointer,
    aod__host_gmtime_pair, aod__host_localtime, aod__host_localtime_pointer,
    aod__host_localtime_pair, aod__host_mktime, aod__host_tzset, aod__host_tzset_names,
    aod__host_strftime;
aod_host_function_t aod__host_system, aod__host_system_negative, aod__host_exit, aod__host_abort,
    aod__host_assert_fail, aod__host_cxa_throw, aod__host_print_error, aod__host_environ_sizes,
    aod__host_environ_get, aod__host_dlopen, aod__host_dlsym, aod__host_use_gas,
    aod__host_use_gas_wide, aod__host_gas_used, aod__host_zero_constant, aod__host_true_constant,
    aod__host_nothing, aod__host_enosys, aod__host_espipe;
aod_host_function_t aod__host_openat, aod__host_mkdirat, aod__host_renameat, aod__host_rmdir,
    aod__host_unlinkat, aod__host_readlinkat, aod__host_faccessat, aod__host_getcwd, aod__host_stat,
    aod__host_lstat, aod__host_newfstatat, aod__host_chmod, aod__host_utimensat;
aod_host_function_t aod__host_fd_read, aod__host_fd_write, aod__host_bare_fd_write,
    aod__host_fd_close, aod__host_fd_seek, aod__host_fd_seek_pair, aod__host_fd_sync,
    aod__host_fd_fdstat, aod__host_dup3, aod__host_fcntl, aod__host_ioctl, aod__host_fstat,
    aod__host_fchmod, aod__host_fchown, aod__host_ftruncate, aod__host_ftruncate_pair,
    aod__host_mmap, aod__host_munmap;
aod_host_function_t aod__host_drive_open, aod__host_drive_read, aod__host_drive_close;

#endif
