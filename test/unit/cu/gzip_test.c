#include "cu/gzip.h"

#include "support/check.h"

static aod_error_t err;
static int refuse_after; /* pieces; 0: never */

static int append(void *context, aod_slice_t piece, aod_error_t *error) {
  if (refuse_after && --refuse_after == 0) return aod_fail(error, AOD_EIO, "the disk is full");
  assert_true(piece.len > 0);
  aod_buf_append(context, piece);
  return AOD_OK;
}

static aod_buf_t content(size_t len) {
  aod_buf_t bytes = {0};
  uint32_t state = 1;
  for (size_t i = 0; i < len; i++) {
    state = state * 1664525 + 1013904223;
    aod_buf_byte(&bytes, i % 8192 < 4096 ? 0 : (uint8_t)(state >> 24));
  }
  return bytes;
}

static aod_buf_t pack(aod_slice_t bytes, size_t piece) {
  aod_buf_t packed = {0};
  aod_gzip_t gzip;
  aod_gzip_begin(&gzip, append, &packed);
  for (size_t at = 0; at < bytes.len; at += piece)
    check_ok(aod_gzip_add(&gzip, aod_slice_sub(bytes, at, piece), &err), &err);
  check_ok(aod_gzip_finish(&gzip, &err), &err);
  aod_gzip_deinit(&gzip);
  return packed;
}

static void what_is_packed_unpacks_to_the_same(void **state) {
  (void)state;
  static const size_t lens[] = {0, 1, 65535, 65536, 65537, 1000000};
  for (size_t i = 0; i < COUNT_OF(lens); i++) {
    aod_buf_t bytes = content(lens[i]), packed = pack(aod_buf_slice(&bytes), 30000), again = {0};
    check_ok(aod_gzip_unpack(aod_buf_slice(&packed), lens[i], append, &again, &err), &err);
    check_bytes(aod_buf_slice(&again), aod_buf_slice(&bytes));
    aod_buf_free(&bytes);
    aod_buf_free(&packed);
    aod_buf_free(&again);
  }
}

static void several_members_are_one_content(void **state) {
  (void)state;
  aod_buf_t bytes = content(100000), twice = {0}, again = {0};
  aod_buf_t packed = pack(aod_buf_slice(&bytes), 100000);
  aod_buf_append(&twice, aod_buf_slice(&packed));
  aod_buf_append(&twice, aod_buf_slice(&packed));
  check_ok(aod_gzip_unpack(aod_buf_slice(&twice), 200000, append, &again, &err), &err);
  assert_int_equal(again.len, 200000);
  aod_buf_free(&bytes);
  aod_buf_free(&packed);
  aod_buf_free(&twice);
  aod_buf_free(&again);
}

static void check_refused(aod_slice_t packed, uint64_t max, int code) {
  aod_buf_t out = {0};
  assert_int_equal(aod_gzip_unpack(packed, max, append, &out, &err), code);
  assert_true(out.len <= max);
  aod_buf_free(&out);
}

static void what_is_too_much_cut_off_or_broken_is_refused(void **state) {
  (void)state;
  aod_buf_t bytes = content(300000), packed = pack(aod_buf_slice(&bytes), 300000);
  aod_slice_t whole = aod_buf_slice(&packed);
  check_refused(whole, 299999, AOD_ETOOLARGE);
  check_refused(AOD_EMPTY, 300000, AOD_EINPUT);
  for (size_t len = 1; len < whole.len; len += 997)
    check_refused(aod_slice(whole.ptr, len), 300000, AOD_EINPUT);
  check_refused(aod_slice(whole.ptr, whole.len - 1), 300000, AOD_EINPUT);
  packed.ptr[packed.len / 2] ^= 0x55;
  check_refused(whole, 300000, AOD_EINPUT);
  packed.ptr[packed.len / 2] ^= 0x55;
  aod_buf_byte(&packed, 'x'); /* rubbish behind it */
  check_refused(aod_buf_slice(&packed), 300000, AOD_EINPUT);
  aod_buf_free(&bytes);
  aod_buf_free(&packed);
}

static void a_sink_that_refuses_ends_it(void **state) {
  (void)state;
  aod_buf_t bytes = content(300000), packed = pack(aod_buf_slice(&bytes), 300000), out = {0};
  refuse_after = 2;
  assert_int_equal(aod_gzip_unpack(aod_buf_slice(&packed), 300000, append, &out, &err), AOD_EIO);
  aod_gzip_t gzip;
  aod_gzip_begin(&gzip, append, &out);
  refuse_after = 1;
  int code = AOD_OK;
  while (code == AOD_OK) code = aod_gzip_add(&gzip, aod_buf_slice(&bytes), &err);
  assert_int_equal(code, AOD_EIO);
  aod_gzip_deinit(&gzip);
  aod_buf_free(&bytes);
  aod_buf_free(&packed);
  aod_buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_is_packed_unpacks_to_the_same),
      TEST(several_members_are_one_content),
      TEST(what_is_too_much_cut_off_or_broken_is_refused),
      TEST(a_sink_that_refuses_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
