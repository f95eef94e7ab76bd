/* What cron messages lead to is carried on by a monitor, each once, from where it began, whatever
 * crashes. */
#include "support/messenger.h"

#include <sys/wait.h>

/* What each tick sends to pong. */
static const char one_message[] =
    "{\"Messages\":[{\"Target\":\"%s\",\"Anchor\":\"%032d\",\"Data\":\"tick %d\",\"Tags\":[]}],"
    "\"Spawns\":[],\"Assignments\":[],\"Output\":\"\"}";
static const char nothing[] =
    "{\"Messages\":[],\"Spawns\":[],\"Assignments\":[],\"Output\":\"%s %d %d\"}";

static void set_ticks(int ticks) {
  pthread_mutex_lock(&fake->lock);
  fake->ticks = ticks;
  pthread_mutex_unlock(&fake->lock);
}

static int before_monitor(void **state) {
  before_each(state);
  fake->tick_format = one_message;
  strcpy(fake->tick_target, id_text(pong.id));
  return 0;
}

static void ask_monitor(const char *method, const uint8_t *process) {
  call_send(&call, method, port, text("/monitor/%s", id_text(process)), "application/octet-stream",
            message_item(user, process, " "));
}

static void start_monitor(void) {
  ask_monitor("POST", ping.id);
  assert_int_equal(call.status, 200);
}

static void wait_for_pages(int pages) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 30;
  pthread_mutex_lock(&fake->lock);
  while (fake->pages < pages)
    assert_int_equal(pthread_cond_timedwait(&fake->changed, &fake->lock, &until), 0);
  pthread_mutex_unlock(&fake->lock);
}

/* Records from 2 on are what pong got: ticks first..last, each once, in some order. */
static void check_ticks(int first, int last) {
  assert_int_equal(fake->count, 2 + last - first + 1);
  for (int tick = first; tick <= last; tick++) {
    int found = 0;
    for (size_t i = 2; i < fake->count; i++)
      found += aod_slice_is(fake_item(i).data, text("tick %d", tick));
    if (found != 1) fail_msg("tick %d arrived %d times", tick, found);
  }
}

/* ---- asking for it ---- */

static void a_monitor_is_added_and_removed_once(void **state) {
  (void)state;
  ask_monitor("POST", ping.id);
  assert_int_equal(call.status, 200);
  assert_string_equal((const char *)call.body.ptr, "Monitoring process");
  ask_monitor("POST", ping.id);
  assert_int_equal(call.status, 400);
  check_contains((const char *)call.body.ptr, "Process already being monitored");
  ask_monitor("DELETE", ping.id);
  assert_int_equal(call.status, 200);
  assert_string_equal((const char *)call.body.ptr, "Process deleted");
  ask_monitor("DELETE", ping.id);
  assert_int_equal(call.status, 404);
  check_contains((const char *)call.body.ptr, "Process monitor not found");
  ask_monitor("POST", ping.id);
  assert_int_equal(call.status, 200);
}

static void a_monitor_is_remembered(void **state) {
  (void)state;
  start_monitor();
  close_mu();
  open_mu(messenger);
  ask_monitor("POST", ping.id);
  assert_int_equal(call.status, 400);
  set_ticks(2);
  fake_wait(2 + 2);
  check_ticks(1, 2);
}

/* ---- carrying on ---- */

static void every_tick_is_carried_on_without_pushed_for(void **state) {
  (void)state;
  set_ticks(3);
  start_monitor();
  fake_wait(2 + 3);
  check_ticks(1, 3);
  aod_item_t item = fake_item(2);
  check_text(
      tags_text(&item.tags),
      text("Data-Protocol=ao Type=Message Variant=ao.TN.1 From-Process=%s From-Module=MODULE",
           id_text(ping.id)));
  assert_string_equal(id_text(item.address), messenger_address());
  set_ticks(5);
  fake_wait(2 + 5);
  check_ticks(1, 5);
  drain();
  assert_int_equal(outbox().count, 0);
}

static void it_begins_behind_what_was_evaluated(void **state) {
  (void)state;
  set_ticks(4);
  fake->evaluated = 3;
  start_monitor();
  fake_wait(2 + 1);
  check_ticks(4, 4);
}

static void many_pages_follow_each_other_at_once(void **state) {
  (void)state;
  set_ticks(170);
  start_monitor();
  fake_wait(2 + 170);
  check_ticks(1, 170);
}

static void ticks_that_lead_to_nothing_leave_nothing(void **state) {
  (void)state;
  fake->tick_format = nothing;
  set_ticks(10);
  start_monitor();
  wait_for_pages(3); /* the newest, the ticks, nothing more: those are stored */
  close_mu();
  fake->tick_format = one_message;
  open_mu(messenger);
  set_ticks(11);
  fake_wait(2 + 1);
  check_ticks(11, 11);
  drain();
  assert_int_equal(outbox().count, 0);
}

static void a_bad_entry_holds_nothing_up(void **state) {
  (void)state;
  fake->tick_format =
      "{\"Messages\":[{\"Tags\":7},{\"Target\":\"%s\",\"Anchor\":\"%032d\",\"Data\":\"tick %d\","
      "\"Tags\":[]}],\"Spawns\":[],\"Assignments\":[]}";
  set_ticks(2);
  start_monitor();
  fake_wait(2 + 2);
  check_ticks(1, 2);
  drain();
  assert_int_equal(outbox().count, 2); /* kept with their reason */
}

static void a_compute_unit_that_fails_is_asked_again(void **state) {
  (void)state;
  fake->failure = AOD_EUNAVAILABLE;
  fake->failing_page = 2; /* after newest */
  set_ticks(2);
  start_monitor();
  fake_wait(2 + 2);
  check_ticks(1, 2);
}

/* ---- crashes ---- */

enum { CRASH_TICKS = 3 };

static _Noreturn void run_messenger(void) {
  open_mu(messenger);
  ask_monitor("POST", ping.id); /* perhaps it is there already */
  fake_wait(2 + CRASH_TICKS);
  drain();
  close_mu();
  _exit(0);
}

static bool run_to(int kill_at) {
  int status = 0;
  fake->steps = 0;
  fake->kill_at = kill_at;
  pid_t child = fork();
  if (child == 0) run_messenger();
  waitpid(child, &status, 0);
  fake_locks_init();
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void a_crash_at_any_step_neither_loses_nor_doubles_a_tick(void **state) {
  (void)state;
  close_mu(); /* no thread of ours may live when we fork */
  bool complete = false;
  int kill_at = 1;
  for (; !complete; kill_at++) {
    assert_true(kill_at < 100);
    fake->count = 2;
    fake->evaluated = 0;
    fake->ticks = CRASH_TICKS;
    aod_dir_remove(dir, NULL);
    aod_dir_create(dir, NULL);
    complete = run_to(kill_at);
    if (!complete) run_to(kill_at + 1); /* and once more on the way */
    assert_true(run_to(0));
    check_ticks(1, CRASH_TICKS);
  }
  assert_int_equal(outbox().count, 0);
  assert_true(kill_at > 6); /* there are that many steps */
}

#define MONITOR_TEST(f) cmocka_unit_test_setup_teardown(f, before_monitor, after_each)

int main(void) {
  const struct CMUnitTest tests[] = {
      MONITOR_TEST(a_crash_at_any_step_neither_loses_nor_doubles_a_tick),
      MONITOR_TEST(a_monitor_is_added_and_removed_once),
      MONITOR_TEST(a_monitor_is_remembered),
      MONITOR_TEST(every_tick_is_carried_on_without_pushed_for),
      MONITOR_TEST(it_begins_behind_what_was_evaluated),
      MONITOR_TEST(many_pages_follow_each_other_at_once),
      MONITOR_TEST(ticks_that_lead_to_nothing_leave_nothing),
      MONITOR_TEST(a_bad_entry_holds_nothing_up),
      MONITOR_TEST(a_compute_unit_that_fails_is_asked_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
