/* Messages that ended their workers are kept, but not without end: dry runs cost nobody anything.
 */
#include "vm/quarantine.h"

#include <dirent.h>
#include <stdio.h>

#include "support/check.h"

static size_t count_files(const char *directory) {
  DIR *folder = opendir(directory);
  size_t count = 0;
  assert_non_null(folder);
  for (struct dirent *file; (file = readdir(folder));) count += file->d_name[0] != '.';
  closedir(folder);
  return count;
}

static void the_first_hundred_are_kept(void **state) {
  (void)state;
  char directory[100], *dir = test_dir_make();
  snprintf(directory, sizeof directory, "%s/quarantine", dir);
  for (int i = 0; i < 150; i++) {
    char msg[20];
    snprintf(msg, sizeof msg, "{\"i\":%d}", i / 2 * 2); /* each twice */
    aod__quarantine(directory, aod_text(msg), AOD_TEXT("{}"), AOD_TEXT("it died"));
  }
  assert_int_equal(count_files(directory), 75);
  for (int i = 1000; i < 1100; i++) {
    char msg[20];
    snprintf(msg, sizeof msg, "{\"i\":%d}", i);
    aod__quarantine(directory, aod_text(msg), AOD_TEXT("{}"), AOD_TEXT("it died"));
  }
  assert_int_equal(count_files(directory), 100);
  test_dir_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_hundred_are_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
