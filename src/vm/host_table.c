/* Every host function, one row each, and how a module's imports and exports are matched with them.
 *
 * Signatures: parameters, a colon, results; i, j, d as i32, i64, f64 and p for a pointer, which is
 * i32 or i64 by the format. Where glue generations disagree about a signature a function has a row
 * for each. A format gets every function of its pointer width, not only those that its own modules
 * are known to import. */
#include "vm/host.h"

#define NOT_1    (AOD_GLUE_2 | AOD_GLUE_3 | AOD_GLUE_4 | AOD_GLUE_64)
#define ALL      (AOD_GLUE_1 | NOT_1)
#define NARROW   (AOD_GLUE_2 | AOD_GLUE_3 | AOD_GLUE_4)
#define OLD      (AOD_GLUE_1 | AOD_GLUE_2)
#define ENV      "env"
#define WASI     "wasi_snapshot_preview1"
#define METERING "metering"

typedef struct {
  const char *module, *field, *signature;
  unsigned glues;
  aod_wasm_host_t function;
} row_t;

#define ROW(module, field, signature, glues, name)                                                 \
  { module, field, signature, glues, aod__host_##name }

static const row_t rows[] = {
    /* setjmp */
    ROW(ENV, "invoke_vii", "iii:", AOD_GLUE_1 | NARROW, invoke),
    ROW(ENV, "invoke_vjj", "jjj:", AOD_GLUE_64, invoke),
    ROW(ENV, "_emscripten_throw_longjmp", ":", ALL, throw_longjmp),
    ROW(ENV, "setTempRet0", "i:", ALL, set_temp_ret),
    ROW(ENV, "getTempRet0", ":i", ALL, get_temp_ret),
    /* memory */
    ROW(ENV, "_emscripten_memcpy_js", "ppp:", NOT_1, memory_copy),
    ROW(ENV, "emscripten_memcpy_big", "ppp:", ALL, memory_copy),
    ROW(ENV, "emscripten_resize_heap", "p:i", ALL, resize_heap),
    ROW(ENV, "emscripten_get_heap_max", ":p", NOT_1, heap_max),
    /* time */
    ROW(ENV, "emscripten_date_now", ":d", NOT_1, date_now),
    ROW(ENV, "_emscripten_date_now", ":d", ALL, date_now),
    ROW(ENV, "emscripten_get_now", ":d", NOT_1, now),
    ROW(ENV, "_emscripten_get_now_is_monotonic", ":i", ALL, true_constant),
    ROW(ENV, "_gmtime_js", "pp:", OLD | AOD_GLUE_3, gmtime_pointer),
    ROW(ENV, "_gmtime_js", "iip:", AOD_GLUE_3 | AOD_GLUE_4, gmtime_pair),
    ROW(ENV, "_gmtime_js", "jp:", AOD_GLUE_64, gmtime),
    ROW(ENV, "_localtime_js", "pp:", OLD | AOD_GLUE_3, localtime_pointer),
    ROW(ENV, "_localtime_js", "iip:", AOD_GLUE_3 | AOD_GLUE_4, localtime_pair),
    ROW(ENV, "_localtime_js", "jp:", AOD_GLUE_64, localtime),
    ROW(ENV, "_mktime_js", "p:p", ALL, mktime),
    ROW(ENV, "_tzset_js", "ppp:", OLD | AOD_GLUE_3, tzset_names),
    ROW(ENV, "_tzset_js", "pppp:", AOD_GLUE_3 | AOD_GLUE_4 | AOD_GLUE_64, tzset),
    ROW(ENV, "strftime", "pppp:p", ALL, strftime),
    ROW(ENV, "strftime_l", "ppppp:p", NOT_1, strftime),
    /* the program */
    ROW(ENV, "system", "p:i", ALL, system),
    ROW(ENV, "_emscripten_system", "p:i", NOT_1, system_negative),
    ROW(ENV, "exit", "i:", ALL, exit),
    ROW(ENV, "abort", ":", ALL, abort),
    ROW(ENV, "_abort_js", ":", NOT_1, abort),
    ROW(ENV, "__assert_fail", "ppip:", NOT_1, assert_fail),
    ROW(ENV, "__cxa_throw", "ppp:", NOT_1, cxa_throw),
    ROW(ENV, "emscripten_err", "p:", NOT_1, print_error),
    ROW(WASI, "environ_get", "pp:i", ALL, environ_get),
    ROW(WASI, "environ_sizes_get", "pp:i", ALL, environ_sizes),
    ROW(ENV, "_dlinit", "p:", NARROW, nothing),
    ROW(ENV, "_dlopen_js", "p:p", NARROW, dlopen),
    ROW(ENV, "_dlsym_js", "pp:p", NARROW, dlsym),
    /* gas */
    ROW(METERING, "usegas", "i:", ALL, use_gas),
    ROW(METERING, "usegas", "j:", ALL, use_gas_wide),
    ROW(ENV, "metering_gasUsed", ":i", NOT_1, gas_used),
    /* WeaveDrive */
    ROW(ENV, "__asyncjs__weavedrive_open", "pp:i", NOT_1, drive_open),
    ROW(ENV, "__asyncjs__weavedrive_read", "ipp:i", NOT_1, drive_read),
    ROW(ENV, "__asyncjs__weavedrive_close", "i:i", NOT_1, drive_close),
    /* files by name */
    ROW(ENV, "__syscall_openat", "ipip:i", NOT_1, openat),
    ROW(ENV, "__syscall_renameat", "ipip:i", NOT_1, renameat),
    ROW(ENV, "__syscall_rmdir", "p:i", NOT_1, rmdir),
    ROW(ENV, "__syscall_unlinkat", "ipi:i", NOT_1, unlinkat),
    ROW(ENV, "__syscall_readlinkat", "ippp:i", NOT_1, readlinkat),
    ROW(ENV, "__syscall_lstat64", "pp:i", NOT_1, lstat),
    ROW(ENV, "__syscall_stat64", "pp:i", NOT_1, stat),
    ROW(ENV, "__syscall_newfstatat", "ippi:i", NOT_1, newfstatat),
    ROW(ENV, "__syscall_faccessat", "ipii:i", NOT_1, faccessat),
    ROW(ENV, "__syscall_chmod", "pi:i", NOT_1, chmod),
    ROW(ENV, "__syscall_getcwd", "pp:i", NOT_1, getcwd),
    ROW(ENV, "__syscall_mkdirat", "ipi:i", NOT_1, mkdirat),
    ROW(ENV, "__syscall_utimensat", "ippi:i", NOT_1, utimensat),
    /* files by descriptor */
    ROW(ENV, "__syscall_fcntl64", "iip:i", NOT_1, fcntl),
    ROW(ENV, "__syscall_ioctl", "iip:i", NOT_1, ioctl),
    ROW(ENV, "__syscall_dup3", "iii:i", NOT_1, dup3),
    ROW(ENV, "__syscall_fstat64", "ip:i", NOT_1, fstat),
    ROW(ENV, "__syscall_fchmod", "ii:i", NOT_1, fchmod),
    ROW(ENV, "__syscall_fchown32", "iii:i", NOT_1, fchown),
    ROW(ENV, "__syscall_ftruncate64", "iii:i", NARROW, ftruncate_pair),
    ROW(ENV, "__syscall_ftruncate64", "ij:i", AOD_GLUE_64, ftruncate),
    ROW(ENV, "_mmap_js", "iiiiii:i", NARROW, mmap),
    ROW(ENV, "_munmap_js", "iiiiii:i", NARROW, munmap),
    ROW(ENV, "_munmap_js", "jjiiij:i", AOD_GLUE_64, munmap),
    ROW(WASI, "fd_write", "ippp:i", NOT_1, fd_write),
    ROW(WASI, "fd_read", "ippp:i", NOT_1, fd_read),
    ROW(WASI, "fd_close", "i:i", NOT_1, fd_close),
    ROW(WASI, "fd_seek", "iiiip:i", NARROW, fd_seek_pair),
    ROW(WASI, "fd_seek", "ijip:i", AOD_GLUE_64, fd_seek),
    ROW(WASI, "fd_sync", "i:i", NOT_1, fd_sync),
    ROW(WASI, "fd_fdstat_get", "ip:i", NOT_1, fd_fdstat),
    /* format 1: no files. Every open gives descriptor 0, with which nothing works. */
    ROW(ENV, "__syscall_openat", "ipip:i", AOD_GLUE_1, zero_constant),
    ROW(ENV, "__syscall_fcntl64", "iip:i", AOD_GLUE_1, zero_constant),
    ROW(ENV, "__syscall_ioctl", "iip:i", AOD_GLUE_1, zero_constant),
    ROW(ENV, "__syscall_dup3", "iii:i", AOD_GLUE_1, zero_constant),
    ROW(ENV, "__syscall_lstat64", "pp:i", AOD_GLUE_1, zero_constant),
    ROW(ENV, "__syscall_renameat", "ipip:i", AOD_GLUE_1, zero_constant),
    ROW(ENV, "__syscall_rmdir", "p:i", AOD_GLUE_1, zero_constant),
    ROW(ENV, "__syscall_unlinkat", "ipi:i", AOD_GLUE_1, zero_constant),
    ROW(WASI, "fd_write", "ippp:i", AOD_GLUE_1, bare_fd_write),
    ROW(WASI, "fd_read", "ippp:i", AOD_GLUE_1, enosys),
    ROW(WASI, "fd_close", "i:i", AOD_GLUE_1, enosys),
    ROW(WASI, "fd_seek", "iiiip:i", AOD_GLUE_1, espipe),
};

/* Format 1's names: import letter, real name. The mapping is the loader's own and fixed. */
static const struct {
  char letter;
  const char *field;
} minified[] = {
    {'a', "_emscripten_date_now"},
    {'b', "setTempRet0"},
    {'c', "fd_close"},
    {'d', "__syscall_fcntl64"},
    {'e', "__syscall_unlinkat"},
    {'f', "fd_write"},
    {'g', "__syscall_openat"},
    {'h', "getTempRet0"},
    {'i', "_mktime_js"},
    {'j', "_tzset_js"},
    {'k', "emscripten_memcpy_big"},
    {'l', "exit"},
    {'m', "system"},
    {'n', "strftime"},
    {'o', "fd_seek"},
    {'p', "_emscripten_throw_longjmp"},
    {'q', "emscripten_resize_heap"},
    {'r', "__syscall_lstat64"},
    {'s', "__syscall_renameat"},
    {'t', "__syscall_rmdir"},
    {'u', "environ_get"},
    {'v', "environ_sizes_get"},
    {'w', "__syscall_dup3"},
    {'x', "invoke_vii"},
    {'y', "fd_read"},
    {'z', "__syscall_ioctl"},
    {'A', "_emscripten_get_now_is_monotonic"},
    {'B', "_gmtime_js"},
    {'C', "_localtime_js"},
    {'D', "abort"},
};

/* ---- signatures ---- */

static aod_wasm_valtype_t type_of(char letter, bool wide) {
  switch (letter) {
  case 'i':
    return AOD_WASM_I32;
  case 'j':
    return AOD_WASM_I64;
  case 'd':
    return AOD_WASM_F64;
  default:
    return wide ? AOD_WASM_I64 : AOD_WASM_I32;
  }
}

static bool list_is(const aod_wasm_valtype_t *types, uint32_t count, const char *letters,
                    size_t letter_count, bool wide) {
  if (count != letter_count) return false;
  for (uint32_t i = 0; i < count; i++)
    if (types[i] != type_of(letters[i], wide)) return false;
  return true;
}

static bool signature_is(const aod_wasm_type_t *type, const char *signature, bool wide) {
  const char *colon = strchr(signature, ':');
  return list_is(type->params, type->param_count, signature, (size_t)(colon - signature), wide) &&
         list_is(type->results, type->result_count, colon + 1, strlen(colon + 1), wide);
}

/* ---- imports ---- */

static const char *full_name(aod_slice_t letter) {
  for (size_t i = 0; i < sizeof minified / sizeof minified[0]; i++)
    if (letter.len == 1 && letter.ptr[0] == (uint8_t)minified[i].letter) return minified[i].field;
  return NULL;
}

static bool row_is(const row_t *row, const aod_wasm_import_entry_t *import,
                   const aod_format_t *format) {
  if (!(row->glues & format->glue)) return false;
  if (format->glue == AOD_GLUE_1 && strcmp(row->module, METERING) != 0) {
    const char *field = full_name(import->field);
    return field && aod_slice_is(import->module, "a") && strcmp(row->field, field) == 0;
  }
  return aod_slice_is(import->field, row->field) && aod_slice_is(import->module, row->module);
}

static int no_such(const aod_wasm_import_entry_t *import, const aod_format_t *format,
                   const char *what, aod_error_t *err) {
  return aod_fail(err, AOD_EUNSUPPORTED, "the module imports %.*s.%.*s, which Module-Format %s %s",
                  AOD_ARG(import->module), AOD_ARG(import->field), format->name, what);
}

static int find_row(const aod_wasm_module_t *module, const aod_wasm_import_entry_t *import,
                    const aod_format_t *format, const row_t **found, aod_error_t *err) {
  bool known = false;
  if (import->kind != AOD_WASM_FUNCTION)
    return no_such(import, format, "does not offer (only functions can be imported)", err);
  const aod_wasm_type_t *type = aod_wasm_function_type(module, import->index);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (!row_is(&rows[i], import, format)) continue;
    known = true;
    *found = &rows[i];
    if (signature_is(type, rows[i].signature, format->wide)) return AOD_OK;
  }
  return no_such(import, format, known ? "offers with another type" : "does not offer", err);
}

int aod_host_link(const aod_wasm_module_t *module, const aod_format_t *format,
                  aod_extern_t *imports, aod_error_t *err) {
  for (uint32_t i = 0; i < module->import_count; i++) {
    const row_t *row = NULL;
    int rc = find_row(module, &module->imports[i], format, &row, err);
    if (rc) return rc;
    imports[i] = (aod_extern_t){
        .kind = AOD_WASM_FUNCTION,
        .type = aod_wasm_function_type(module, module->imports[i].index)->number,
        .function.call = row->function,
    };
  }
  return AOD_OK;
}

/* ---- exports ---- */

typedef struct {
  const char *glue_1, *glue_2_3, *newer; /* names by generation; NULL: not looked for */
  const char *signature;
  bool required;
} export_row_t;

static const export_row_t export_rows[AOD_EXPORT_COUNT] = {
    [AOD_EXPORT_HANDLE] = {"G", "handle", "handle", "pp:p", true},
    [AOD_EXPORT_CTORS] = {"F", "__wasm_call_ctors", "__wasm_call_ctors", ":", true},
    [AOD_EXPORT_MAIN] = {"H", "main", NULL, "ip:i", true},
    [AOD_EXPORT_STACK_GET] = {"M", "stackSave", "emscripten_stack_get_current", ":p", true},
    [AOD_EXPORT_STACK_RESTORE] = {"N", "stackRestore", "_emscripten_stack_restore", "p:", true},
    [AOD_EXPORT_STACK_ALLOC] = {"O", "stackAlloc", "_emscripten_stack_alloc", "p:p", true},
    [AOD_EXPORT_STACK_INIT] = {NULL, "emscripten_stack_init", "emscripten_stack_init", ":", true},
    [AOD_EXPORT_STACK_END] = {NULL, "emscripten_stack_get_end", "emscripten_stack_get_end", ":p",
                              true},
    [AOD_EXPORT_SET_THREW] = {"L", "setThrew", "setThrew", "pi:", false},
    [AOD_EXPORT_DYNCALL] = {NULL, NULL, "dynCall_vii", "ipp:", false},
    [AOD_EXPORT_TEMP_RET] = {NULL, NULL, "_emscripten_tempret_set", "i:", false},
    [AOD_EXPORT_MALLOC] = {"J", "malloc", "malloc", "p:p", false},
    [AOD_EXPORT_MEMALIGN] = {NULL, "emscripten_builtin_memalign", "emscripten_builtin_memalign",
                             "pp:p", false},
    [AOD_EXPORT_ERRNO] = {"K", "__errno_location", "__errno_location", ":p", false},
};

static const char *export_name(aod_export_t export, const aod_format_t *format) {
  const export_row_t *row = &export_rows[export];
  if (export == AOD_EXPORT_DYNCALL && format->wide) return "dynCall_vjj";
  if (format->glue == AOD_GLUE_1) return row->glue_1;
  return format->glue <= AOD_GLUE_3 ? row->glue_2_3 : row->newer;
}

static int find_export(const aod_wasm_module_t *module, const aod_format_t *format,
                       aod_export_t export, uint32_t *index, aod_error_t *err) {
  const char *name = export_name(export, format);
  *index = AOD_WASM_NONE;
  if (!name) return AOD_OK;
  const aod_wasm_export_t *found = aod_wasm_export_find(module, name, AOD_WASM_FUNCTION);
  if (!found && !export_rows[export].required) return AOD_OK;
  if (!found)
    return aod_fail(err, AOD_EUNSUPPORTED,
                    "the module does not export the function %s, which Module-Format %s needs",
                    name, format->name);
  if (!signature_is(aod_wasm_function_type(module, found->index), export_rows[export].signature,
                    format->wide))
    return aod_fail(err, AOD_EUNSUPPORTED,
                    "the module exports %s with another type than Module-Format %s needs", name,
                    format->name);
  *index = found->index;
  return AOD_OK;
}

static uint32_t protected_type(const aod_wasm_module_t *module, bool wide) {
  for (uint32_t i = 0; i < module->type_count; i++)
    if (signature_is(&module->types[i], "pp:", wide)) return module->types[i].number;
  return 0;
}

int aod_host_find_exports(const aod_wasm_module_t *module, const aod_format_t *format,
                          aod_host_exports_t *exports, aod_error_t *err) {
  if (module->memory_count != 1 || module->imported_memories)
    return aod_fail(err, AOD_EUNSUPPORTED, "the module has no memory of its own");
  if (module->memories[0].is_64 != format->wide)
    return aod_fail(err, AOD_EUNSUPPORTED, "Module-Format %s needs a %d-bit memory", format->name,
                    format->wide ? 64 : 32);
  exports->protected_type = protected_type(module, format->wide);
  for (int i = 0; i < AOD_EXPORT_COUNT; i++) {
    int rc = find_export(module, format, i, &exports->functions[i], err);
    if (rc) return rc;
  }
  return AOD_OK;
}
