#include "node/known_modules.h"

#include <stdio.h>
#include <stdlib.h>

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/file.h"
#include "node/cache.h"
#include "vm/module.h"

#define FORMAT_64 "wasm64-unknown-emscripten-draft_2024_02_15"
#define FORMAT_32 "wasm32-unknown-emscripten4"

enum { MODULE_BYTES_MAX = 64 << 20 };

const char aod_known_modules_owner[] = "0EzP1DY2grHDSLPIlso3GZcxNI-M80LUOr7zcUV-bew";

const aod_known_module_t aod_known_modules[] = {
    {"aos2_0_6", "ISShJH1ij-hPPt9St5UFFr_8Ys3Kj5cyg7zrMGt7H9s",
     "0fbcfb85f6354a067ec909102430bd8a7ce0301c9686595f474eabffff7ba58e", FORMAT_64},
    {"aos2_0_4_32", "WASM32-D8q2OmZ4Mok00sD2Y_6SYEQ7Hjx-6VZ_jl3g",
     "3acf0325d20fa04aacb6684d0906fa25e4c46f26be391781536a82c40b8545e3", FORMAT_32},
    {"aos2_0_3", "JArYBF-D8q2OmZ4Mok00sD2Y_6SYEQ7Hjx-6VZ_jl3g",
     "fb5524345b8057598416c5e1eb3c71ec96fa87e1b45bcc07fe7c151a32dbd712", FORMAT_64},
    {"aos2_0_1", "Do_Uc2Sju_ffp6Ev0AnLVdPtot15rvMjP-a9VVaA5fM",
     "43d053f3c7c4fb21534a6bd73a8e5d40de5f5019a160fc7ca67b4925e55e112c", FORMAT_64},
    {"sqlite", "ghSkge2sIUD_F00ym5sEimC63BDBuBrq4b5OcwxOjiw",
     "72a9a3d8280db4e1467df3829219f6f255e94da5ce0334bc4f79a64dd3fbca6f", FORMAT_64},
    {"aos", "cNlipBptaF9JeFAf4wUmpi43EojNanIBos3EfNrEOWo",
     "c7f07e3dddfb49d7a0093eaf910ba5f7634ddb899999415594b95f3aea6b7bdb", FORMAT_64},
    {"process", "xGPbJbpdLCOKMGfCpiik_O4uq4bhgxpso_0B5klwpoA",
     "e0afa3a6e1675956f86563de7764ff6f68f8745d140de02902086d59cbed83c6", FORMAT_64},
    {"llama", "-vwR1EPOLwUm-WG3oYQgNmjmDiVtnF_mNoxZyzNq328",
     "a31804d32950db518a7c75d9a734129c5916dcd116a9436ee6562d8703f73ff5", FORMAT_64},
    {NULL, NULL, NULL, NULL},
};

const aod_known_module_t *aod_known_module_find(const uint8_t sha256[32]) {
  char hex[65];
  for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
  for (const aod_known_module_t *row = aod_known_modules; row->name; row++)
    if (strcmp(row->sha256, hex) == 0) return row;
  return NULL;
}

static const aod_known_module_t *find_id(const uint8_t id[32]) {
  char text[AOD_ID_CHARS + 1];
  aod_id_encode(id, text);
  for (const aod_known_module_t *row = aod_known_modules; row->name; row++)
    if (strcmp(row->id, text) == 0) return row;
  return NULL;
}

static bool read_checked(const aod_known_module_t *row, aod_arena_t *arena, aod_slice_t *wasm) {
  char *dir = aod_build_modules_dir();
  const char *path = aod_arena_printf(arena, "%s/%s.wasm", dir, row->name);
  free(dir);
  aod_buf_t bytes = {0};
  uint8_t digest[32];
  bool good = aod_file_read(path, MODULE_BYTES_MAX, &bytes, NULL) == AOD_OK;
  if (good) {
    aod_sha256(aod_buf_slice(&bytes), digest);
    good = aod_known_module_find(digest) == row;
    *wasm = aod_arena_copy(arena, aod_buf_slice(&bytes));
  }
  aod_buf_free(&bytes);
  return good;
}

bool aod_known_module_read(const uint8_t id[32], aod_arena_t *arena, aod_item_t *item) {
  const aod_known_module_t *row = find_id(id);
  aod_slice_t wasm;
  if (!row || !read_checked(row, arena, &wasm)) return false;
  *item = (aod_item_t){.signature = AOD_TEXT(""), .data = wasm};
  memcpy(item->id, id, 32);
  aod_assert(aod_id_decode(aod_text(aod_known_modules_owner), item->address));
  aod_module_tags(row->name, row->format, arena, &item->tags);
  return true;
}

void aod_module_tags(const char *name, const char *format, aod_arena_t *arena, aod_tags_t *tags) {
  const char *const pairs[][2] = {
      {"Data-Protocol", "ao"},
      {"Variant", "ao.TN.1"},
      {"Type", "Module"},
      {"Module-Format", format},
      {"Input-Encoding", "JSON-V1"},
      {"Output-Encoding", "JSON-V1"},
      {"Memory-Limit", "1-gb"},
      {"Compute-Limit", "9000000000000"},
      {"Content-Type", "application/wasm"},
      {"Name", name},
  };
  tags->count = sizeof pairs / sizeof *pairs;
  tags->list = aod_arena_alloc(arena, tags->count * sizeof *tags->list);
  for (size_t i = 0; i < tags->count; i++)
    tags->list[i] =
        (aod_tag_t){aod_text(pairs[i][0]), aod_arena_copy(arena, aod_text(pairs[i][1]))};
}

int aod_module_guess_format(aod_slice_t wasm, const char **format, aod_error_t *err) {
  aod_wasm_module_t module;
  int code = aod_wasm_decode(wasm, &module, err);
  if (code != AOD_OK) return code;
  *format = module.memory_count && module.memories[0].is_64 ? FORMAT_64 : FORMAT_32;
  aod_wasm_module_free(&module);
  return AOD_OK;
}
