#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check.h"

static char *dir;

static int make_dir(void **state) {
  (void)state;
  dir = test_dir_make();
  return 0;
}

static int remove_dir(void **state) {
  (void)state;
  test_dir_remove(dir);
  return 0;
}

static void what_is_written_can_be_read(void **state) {
  (void)state;
  aod_error_t err;
  aod_buf_t big = {0}, back = {0};
  for (int i = 0; i < 200000; i++) aod_buf_byte(&big, (uint8_t)(i * 7));
  const char *path = test_path(dir, "big");
  check_ok(aod_file_write(path, aod_buf_slice(&big), 0600, &err), &err);
  aod_buf_text(&back, "before");
  check_ok(aod_file_read(path, big.len, &back, &err), &err);
  check_text(aod_slice_sub(aod_buf_slice(&back), 0, 6), "before");
  check_bytes(aod_slice_sub(aod_buf_slice(&back), 6, back.len), aod_buf_slice(&big));
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  aod_buf_free(&big);
  aod_buf_free(&back);
}

static void writing_again_replaces_the_whole(void **state) {
  (void)state;
  aod_error_t err;
  aod_buf_t back = {0};
  const char *path = test_path(dir, "again");
  check_ok(aod_file_write(path, AOD_TEXT("a long first text"), 0644, &err), &err);
  check_ok(aod_file_write(path, AOD_TEXT("short"), 0644, &err), &err);
  check_ok(aod_file_read(path, 100, &back, &err), &err);
  check_text(aod_buf_slice(&back), "short");
  aod_buf_free(&back);
}

static void larger_than_allowed_is_refused(void **state) {
  (void)state;
  aod_error_t err;
  aod_buf_t back = {0};
  const char *path = test_path(dir, "large");
  check_ok(aod_file_write(path, AOD_TEXT("12345"), 0644, &err), &err);
  check_fails(aod_file_read(path, 4, &back, &err), AOD_ETOOLARGE, &err, path);
  aod_buf_free(&back);
}

static void errors_name_the_path_and_the_reason(void **state) {
  (void)state;
  aod_error_t err;
  aod_buf_t back = {0};
  const char *path = test_path(dir, "absent/file");
  check_fails(aod_file_read(path, 4, &back, &err), AOD_ENOTFOUND, &err, "absent/file");
  check_contains(err.message, "No such file");
  check_fails(aod_file_write(path, AOD_TEXT("x"), 0644, &err), AOD_ENOTFOUND, &err, "absent/file");
  check_fails(aod_file_read(dir, 4, &back, &err), AOD_EIO, &err, "directory");
  aod_buf_free(&back);
}

static void a_failed_write_leaves_nothing_behind(void **state) {
  (void)state;
  aod_error_t err;
  check_ok(aod_dir_create(test_path(dir, "folder"), &err), &err);
  check_fails(aod_file_write(test_path(dir, "folder"), AOD_TEXT("x"), 0644, &err), AOD_EIO, &err,
              "folder");
  assert_int_equal(rmdir(test_path(dir, "folder")), 0);
  assert_int_equal(rmdir(dir), 0); /* so no temporary file is in it */
}

static void folders_come_with_parents_and_go_with_contents(void **state) {
  (void)state;
  aod_error_t err;
  check_ok(aod_dir_create(test_path(dir, "a/b/c"), &err), &err);
  check_ok(aod_dir_create(test_path(dir, "a/b/c"), &err), &err);
  check_ok(aod_file_write(test_path(dir, "a/b/file"), AOD_TEXT("x"), 0644, &err), &err);
  assert_int_equal(symlink("/tmp", test_path(dir, "a/link")), 0); /* not followed */
  check_ok(aod_dir_remove(test_path(dir, "a"), &err), &err);
  assert_false(aod_file_exists(test_path(dir, "a")));
  assert_true(aod_file_exists("/tmp"));
  check_ok(aod_dir_remove(test_path(dir, "a"), &err), &err);
}

static void a_file_is_no_folder(void **state) {
  (void)state;
  aod_error_t err;
  check_ok(aod_file_write(test_path(dir, "file"), AOD_TEXT("x"), 0644, &err), &err);
  check_fails(aod_dir_create(test_path(dir, "file"), &err), AOD_EIO, &err, "file");
  check_fails(aod_dir_create(test_path(dir, "file/below"), &err), AOD_EIO, &err, "file");
}

static void temporary_files_have_no_name_and_go_where_tmpdir_says(void **state) {
  (void)state;
  aod_error_t err;
  char bytes[3];
  setenv("TMPDIR", dir, 1);
  int fd = aod_file_temporary(&err);
  check_ok(fd < 0 ? fd : AOD_OK, &err);
  check_ok(aod_file_temporary_write(fd, AOD_TEXT("xyz"), 1000000, &err), &err);
  assert_int_equal(pread(fd, bytes, 3, 1000000), 3);
  assert_memory_equal(bytes, "xyz", 3);
  close(fd);
  assert_int_equal(rmdir(dir), 0); /* nothing is in it */
  check_fails(aod_file_temporary(&err), AOD_ENOTFOUND, &err, dir);
  unsetenv("TMPDIR");
  assert_string_equal(aod_temp_dir(), "/tmp");
  check_ok(aod_dir_create(dir, &err), &err);
}

static void a_temporary_file_that_cannot_be_written_says_why(void **state) {
  (void)state;
  aod_error_t err;
  int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  check_fails(aod_file_temporary_write(full, AOD_TEXT("x"), 0, &err), AOD_EDISK, &err, "/tmp");
  close(full);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void) {
  const struct CMUnitTest tests[] = {
      FILE_TEST(what_is_written_can_be_read),
      FILE_TEST(writing_again_replaces_the_whole),
      FILE_TEST(larger_than_allowed_is_refused),
      FILE_TEST(errors_name_the_path_and_the_reason),
      FILE_TEST(a_failed_write_leaves_nothing_behind),
      FILE_TEST(folders_come_with_parents_and_go_with_contents),
      FILE_TEST(a_file_is_no_folder),
      FILE_TEST(temporary_files_have_no_name_and_go_where_tmpdir_says),
      FILE_TEST(a_temporary_file_that_cannot_be_written_says_why),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
