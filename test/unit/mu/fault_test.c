/* A disk that dies at any write or sync of a messenger's life: afterwards, on a disk that has what
 * the old one had, everything that was accepted arrives, and once. */
#include "support/fault_vfs.h"
#include "support/messenger.h"

enum { STEPS_MAX = 1000, RECORDS = 2 + 4 }; /* two processes, "begin", "x", "y", one for a wallet */

static int install(void **state) {
  (void)state;
  fault_install();
  return 0;
}

static bool try_open(void) {
  aod_mu_options_t options = {.outbox_path = test_path(dir, "mu.db"),
                              .signer = messenger,
                              .scheduler = &fake_scheduler,
                              .computer = &fake_computer,
                              .gateway = &fake_gateway};
  aod_mu_t *probe;
  fake_pool = aod_pool_open("fake", 2);
  int code = aod_mu_open(&probe, &options, &err);
  if (code == AOD_OK) {
    aod_mu_stop(probe);
    aod_pool_close(fake_pool);
    aod_mu_close(probe);
  } else {
    aod_pool_close(fake_pool);
  }
  return code == AOD_OK;
}

static size_t count_saying(const char *data) {
  size_t count = 0;
  for (size_t i = 2; i < fake->count; i++) count += aod_slice_is(fake_item(i).data, data);
  return count;
}

static bool all_arrived(void) {
  pthread_mutex_lock(&fake->lock);
  bool arrived = fake->count >= RECORDS;
  pthread_mutex_unlock(&fake->lock);
  return arrived;
}

/* Until all has arrived, or the disk is dead and nothing more will. */
static void wait_for_end(int at) {
  for (int i = 0; i < 2000 && !all_arrived() && atomic_load(&fault.steps) < at; i++) usleep(5000);
  aod_mu_drain(mu, 100);
}

/* True when the disk lived to the end. */
static bool run_with_fault(fault_kind_t kind, int at) {
  aod_slice_t raw = message_item(user, ping.id, "begin");
  close_mu();
  fake->count = 2;
  aod_dir_remove(dir, NULL);
  aod_dir_create(dir, NULL);
  assert_true(try_open()); /* the file is there; what follows is what may fail */
  open_mu(messenger);
  fault_set(kind, at);
  post(raw);
  bool accepted = call.status == 202;
  wait_for_end(at);
  close_mu();
  bool lived = atomic_load(&fault.steps) < at;

  fault_set(kind, 0);
  open_mu(messenger);
  if (!accepted) post(raw);
  drain();
  if (fake->count != RECORDS) fail_msg("fault at %d: %zu records", at, fake->count);
  assert_int_equal(count_saying("begin"), 1);
  assert_int_equal(count_saying("x"), 1);
  assert_int_equal(count_saying("y"), 1);
  assert_int_equal(count_saying("for a wallet"), 1);
  assert_int_equal(outbox().count, 0);
  open_mu(messenger);
  return lived;
}

static void everything_accepted_arrives_once(fault_kind_t kind) {
  rule("begin",
       result_of(text("%s,%s", message_to(pong.id, "x"), message_to(id_of(WALLET), "for a wallet")),
                 "", ""));
  rule("x", result_of(message_to(ping.id, "y"), "", ""));
  int at = 1;
  while (!run_with_fault(kind, at)) at += 1 + at / 8;
  assert_true(at > 10); /* there are that many steps */
  assert_true(at < STEPS_MAX);
}

static void a_disk_that_fails_loses_and_doubles_nothing(void **state) {
  (void)state;
  everything_accepted_arrives_once(FAULT_FAIL);
}

static void a_disk_that_tears_loses_and_doubles_nothing(void **state) {
  (void)state;
  everything_accepted_arrives_once(FAULT_TEAR);
}

/* True when the disk lived to the end. */
static bool refuse_with_fault(int at) {
  aod_slice_t raw = message_item(user, ping.id, "begin");
  aod_outbox_entries_t left;
  close_mu();
  fake->count = 2;
  aod_dir_remove(dir, NULL);
  aod_dir_create(dir, NULL);
  assert_true(try_open());
  open_mu(messenger);
  fake->failing_post = fake->posts + 1;
  fake->failure = AOD_EDISK;
  fault_set(FAULT_FAIL, at);
  post(raw);
  assert_true(call.status >= 400);
  aod_mu_drain(mu, 100);
  bool lived = atomic_load(&fault.steps) < at;
  fault_set(FAULT_FAIL, 0);
  aod_mu_drain(mu, 10000);
  left = outbox();
  if (fake->count != 2 || left.count != 0)
    fail_msg("fault at %d: %zu records, %zu entries left", at, fake->count, left.count);
  open_mu(messenger);
  return lived;
}

static void what_was_refused_is_not_delivered_when_the_disk_is_well_again(void **state) {
  (void)state;
  int at = 1;
  while (!refuse_with_fault(at)) at++;
  assert_true(at > 4);
}

#define MU_TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      MU_TEST(a_disk_that_fails_loses_and_doubles_nothing),
      MU_TEST(a_disk_that_tears_loses_and_doubles_nothing),
      MU_TEST(what_was_refused_is_not_delivered_when_the_disk_is_well_again),
  };
  return cmocka_run_group_tests(tests, install, NULL);
}
