/* The in-memory files: names, descriptors, limits, and the clock ticks of each change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "vm/files.h"
#include "vm/host.h"

static aod_files_t *files;
static int64_t clock_ms;

static int setup(void **state) {
  (void)state;
  clock_ms = 10004;
  files = aod_files_new(&clock_ms);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  aod_files_free(files);
  return 0;
}

static int open_file(const char *path, uint32_t flags) {
  return aod_files_open(files, aod_text(path), flags, 0644);
}

static int make_directory(const char *path, uint32_t mode) {
  aod_node_t *node;
  return aod_files_create(files, aod_text(path), AOD_FILE_DIRECTORY | mode, &node);
}

static int lookup(const char *path, aod_node_t **node) {
  return aod_files_lookup(files, aod_text(path), true, node);
}

static int64_t put(int descriptor, const char *text) {
  aod_stream_t *stream = aod_files_stream(files, descriptor);
  int64_t count = aod_files_write(files, stream->node, stream->position, aod_text(text));
  stream->position += count;
  return count;
}

/* H36, H40: what a message finds, whatever another left. */
static void test_beginning(void **state) {
  (void)state;
  aod_node_t *node;
  assert_int_equal(clock_ms, 10004); /* making the tree takes no time of the message */
  static const char *const directories[] = {
      "/", "/tmp", "/home/web_user", "/dev/shm/tmp", "/proc/self/fd", "/data"};
  for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
    assert_int_equal(lookup(directories[i], &node), 0);
    assert_true(aod_node_is(node, AOD_FILE_DIRECTORY));
  }
  assert_int_equal(node->stamp_ms, 10003); /* /data */
  assert_int_equal(lookup("/dev/stdout", &node), 0);
  assert_int_equal(node->device, AOD_DEVICE_TTY);
  assert_int_equal(aod_files_lookup(files, AOD_TEXT("/dev/stdout"), false, &node), 0);
  assert_true(aod_node_is(node, AOD_FILE_LINK));
  assert_int_equal(open_file("/tmp/a", AOD_OPEN_CREATE | 2), 3); /* 0, 1, 2 are taken */
}

static void test_open(void **state) {
  (void)state;
  assert_int_equal(open_file("/tmp/a", 0), -AOD_HOST_ENOENT);
  assert_int_equal(open_file("/no/a", AOD_OPEN_CREATE | 1), -AOD_HOST_ENOENT);
  int a = open_file("/tmp/../tmp/./a", AOD_OPEN_CREATE | 1);
  assert_true(a > 0);
  assert_int_equal(open_file("/tmp/a", AOD_OPEN_CREATE | AOD_OPEN_EXCLUSIVE | 1), -AOD_HOST_EEXIST);
  assert_int_equal(open_file("/tmp/a", AOD_OPEN_DIRECTORY), -AOD_HOST_ENOTDIR);
  assert_int_equal(open_file("/tmp/a/b", 0), -AOD_HOST_ENOENT);
  assert_int_equal(open_file("/tmp", 1), -AOD_HOST_EISDIR);
  assert_true(open_file("/tmp", AOD_OPEN_DIRECTORY) > 0);
  assert_int_equal(open_file("/dev/stdout", AOD_OPEN_NOFOLLOW | 1), -AOD_HOST_ELOOP);
  char name[300] = "/tmp/";
  memset(name + 5, 'n', 256);
  assert_int_equal(open_file(name, AOD_OPEN_CREATE | 1), -AOD_HOST_ENAMETOOLONG);
}

static void test_content(void **state) {
  (void)state;
  uint8_t bytes[16];
  int a = open_file("/tmp/a", AOD_OPEN_CREATE | 2);
  assert_int_equal(clock_ms, 10005);
  assert_int_equal(put(a, "hello"), 5);
  assert_int_equal(put(a, ""), 0); /* no bytes, no tick */
  assert_int_equal(clock_ms, 10006);
  aod_node_t *node = aod_files_stream(files, a)->node;
  assert_int_equal(aod_node_read(node, 1, bytes, 16), 4);
  assert_memory_equal(bytes, "ello", 4);
  assert_int_equal(aod_node_read(node, 99, bytes, 16), 0);
  assert_int_equal(aod_files_truncate(files, node, 2), 0);
  assert_int_equal(aod_files_write(files, node, 4, AOD_TEXT("x")), 1);
  assert_int_equal(aod_node_read(node, 0, bytes, 16), 5);
  assert_memory_equal(bytes, "he\0\0x", 5);
  assert_int_equal(aod_files_truncate(files, node, -1), -AOD_HOST_EINVAL);
  assert_true(open_file("/tmp/a", AOD_OPEN_TRUNCATE | 1) > 0);
  assert_int_equal(node->content.len, 0);
}

static void test_cap(void **state) {
  (void)state;
  int a = open_file("/tmp/a", AOD_OPEN_CREATE | 2);
  aod_node_t *node = aod_files_stream(files, a)->node;
  assert_int_equal(aod_files_truncate(files, node, INT64_MAX), -AOD_HOST_ENOSPC);
  assert_int_equal(aod_files_write(files, node, INT64_MAX, AOD_TEXT("x")), -AOD_HOST_ENOSPC);
  assert_int_equal(node->content.len, 0);
  char path[32];
  int rc = 0;
  for (int i = 0; i < 20000 && rc == 0; i++) {
    snprintf(path, sizeof path, "/tmp/%d", i);
    rc = make_directory(path, 0777);
  }
  assert_int_equal(rc, -AOD_HOST_ENOSPC);
}

static void test_descriptors(void **state) {
  (void)state;
  int a = open_file("/tmp/a", AOD_OPEN_CREATE | 2);
  aod_stream_t *stream = aod_files_stream(files, a);
  int b = aod_files_duplicate(files, stream, 10);
  assert_int_equal(b, 10);
  put(a, "abc");
  assert_int_equal(aod_files_stream(files, b)->position, 3); /* shared */
  assert_int_equal(aod_files_close(files, a), 0);
  assert_int_equal(aod_files_close(files, a), -AOD_HOST_EBADF);
  assert_ptr_equal(aod_files_stream(files, b), stream);
  assert_int_equal(aod_files_close(files, b), 0);
  assert_null(aod_files_stream(files, -1));
  assert_null(aod_files_stream(files, 1 << 30));
  int last = 0;
  while (last >= 0) last = open_file("/tmp/a", 0);
  assert_int_equal(last, -AOD_HOST_EMFILE);
  assert_non_null(aod_files_stream(files, 4095));
}

static void test_remove(void **state) {
  (void)state;
  aod_node_t *node;
  int a = open_file("/tmp/a", AOD_OPEN_CREATE | 2);
  put(a, "abc");
  assert_int_equal(aod_files_remove(files, AOD_TEXT("/tmp/a"), true), -AOD_HOST_ENOTDIR);
  assert_int_equal(aod_files_remove(files, AOD_TEXT("/tmp/a"), false), 0);
  assert_int_equal(lookup("/tmp/a", &node), -AOD_HOST_ENOENT);
  assert_int_equal(put(a, "def"), 3); /* lives on while it is open */
  assert_int_equal(aod_files_close(files, a), 0);
  assert_int_equal(make_directory("/tmp/d", 0777), 0);
  assert_int_equal(make_directory("/tmp/d", 0777), -AOD_HOST_EEXIST);
  assert_int_equal(make_directory("/tmp/d/e", 0777), 0);
  assert_int_equal(aod_files_remove(files, AOD_TEXT("/tmp/d"), false), -AOD_HOST_EISDIR);
  assert_int_equal(aod_files_remove(files, AOD_TEXT("/tmp/d"), true), -AOD_HOST_ENOTEMPTY);
  assert_int_equal(aod_files_remove(files, AOD_TEXT("/tmp/d/e"), true), 0);
  assert_int_equal(aod_files_remove(files, AOD_TEXT("/tmp/d"), true), 0);
  assert_int_equal(aod_files_remove(files, AOD_TEXT("/"), true), -AOD_HOST_ENOENT);
}

static int rename_file(const char *from, const char *to) {
  return aod_files_rename(files, aod_text(from), aod_text(to));
}

static void test_rename(void **state) {
  (void)state;
  aod_node_t *node;
  assert_int_equal(rename_file("/a", "/b"), -AOD_HOST_ENOENT);
  put(open_file("/tmp/a", AOD_OPEN_CREATE | 1), "abc");
  put(open_file("/tmp/b", AOD_OPEN_CREATE | 1), "x");
  int64_t before = clock_ms;
  assert_int_equal(rename_file("/tmp/a", "/tmp/b"), 0);
  assert_int_equal(clock_ms, before + 1);
  assert_int_equal(lookup("/tmp/a", &node), -AOD_HOST_ENOENT);
  assert_int_equal(lookup("/tmp/b", &node), 0);
  assert_int_equal(node->content.len, 3);
  assert_int_equal(make_directory("/tmp/d", 0777), 0);
  assert_int_equal(make_directory("/tmp/d/e", 0777), 0);
  assert_int_equal(rename_file("/tmp/d", "/tmp/d/e/f"), -AOD_HOST_EINVAL);
  assert_int_equal(rename_file("/tmp/d/e", "/tmp/d"), -AOD_HOST_ENOTEMPTY);
  assert_int_equal(rename_file("/tmp/d", "/tmp/b"), -AOD_HOST_ENOTDIR);
  assert_int_equal(rename_file("/tmp/b", "/tmp/d"), -AOD_HOST_EISDIR);
  assert_int_equal(rename_file("/tmp/b", "/tmp/b"), 0);
  assert_int_equal(rename_file("/tmp/d/e", "/tmp/g"), 0);
  assert_int_equal(lookup("/tmp/g", &node), 0);
}

static void test_permissions(void **state) {
  (void)state;
  aod_node_t *node;
  assert_int_equal(make_directory("/tmp/closed", 0), 0);
  assert_int_equal(open_file("/tmp/closed/a", AOD_OPEN_CREATE | 1), -AOD_HOST_EACCES);
  assert_int_equal(aod_files_open(files, AOD_TEXT("/tmp/r"), AOD_OPEN_CREATE | 1, 0444), 3);
  assert_int_equal(open_file("/tmp/r", 1), -AOD_HOST_EACCES);
  assert_int_equal(open_file("/tmp/r", AOD_OPEN_TRUNCATE), -AOD_HOST_EACCES);
  assert_int_equal(lookup("/tmp/r", &node), 0);
  assert_int_equal(aod_files_truncate(files, node, 0), -AOD_HOST_EACCES);
}

/* As deep as the cap on nodes lets it: freeing must not recurse. */
static void test_deep(void **state) {
  (void)state;
  aod_buf_t path = {0};
  aod_buf_text(&path, "/tmp");
  for (int i = 0; i < 3000; i++) {
    aod_buf_text(&path, "/d");
    aod_node_t *node;
    assert_int_equal(
        aod_files_create(files, aod_buf_slice(&path), AOD_FILE_DIRECTORY | 0777, &node), 0);
  }
  aod_buf_free(&path);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_FILES(test_beginning), WITH_FILES(test_open),        WITH_FILES(test_content),
      WITH_FILES(test_cap),       WITH_FILES(test_descriptors), WITH_FILES(test_remove),
      WITH_FILES(test_rename),    WITH_FILES(test_permissions), WITH_FILES(test_deep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
