/* Deliveries that failed for a passing reason wait here for their next try: one thread, a list by
 * due time. */
#include "base/clock.h"
#include "mu/internal.h"

static void insert(aod_mu_t *mu, aod_delivery_t *delivery) {
  aod_delivery_t **link = &mu->retries;
  while (*link && (*link)->due_us <= delivery->due_us) link = &(*link)->next;
  delivery->next = *link;
  *link = delivery;
}

/* With the lock held: wait until the first is due or something changes. */
static void wait_for_first(aod_mu_t *mu) {
  if (!mu->retries) {
    pthread_cond_wait(&mu->changed, &mu->lock);
    return;
  }
  int64_t left_us = mu->retries->due_us - aod_clock_monotonic_us();
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  int64_t nanoseconds = until.tv_nsec + (left_us > 0 ? left_us : 0) * 1000;
  until.tv_sec += nanoseconds / 1000000000;
  until.tv_nsec = nanoseconds % 1000000000;
  pthread_cond_timedwait(&mu->changed, &mu->lock, &until);
}

static void *run_retries(void *argument) {
  aod_mu_t *mu = argument;
  pthread_mutex_lock(&mu->lock);
  while (!mu->stopping) {
    aod_delivery_t *first = mu->retries;
    if (!first || first->due_us > aod_clock_monotonic_us()) {
      wait_for_first(mu);
      continue;
    }
    mu->retries = first->next;
    pthread_mutex_unlock(&mu->lock);
    aod__delivery_start(first);
    pthread_mutex_lock(&mu->lock);
  }
  pthread_mutex_unlock(&mu->lock);
  return NULL;
}

void aod__retry_start(aod_mu_t *mu) {
  aod_assert(pthread_create(&mu->retry_thread, NULL, run_retries, mu) == 0);
  pthread_setname_np(mu->retry_thread, "mu-retry");
}

void aod__retry_later(aod_delivery_t *delivery, int64_t delay_ms) {
  aod_mu_t *mu = delivery->mu;
  delivery->due_us = aod_clock_monotonic_us() + delay_ms * 1000;
  pthread_mutex_lock(&mu->lock);
  insert(mu, delivery);
  mu->active--;
  pthread_cond_broadcast(&mu->changed);
  pthread_mutex_unlock(&mu->lock);
}

void aod__retry_stop(aod_mu_t *mu) {
  pthread_join(mu->retry_thread, NULL);
  while (mu->retries) {
    aod_delivery_t *first = mu->retries;
    mu->retries = first->next;
    aod__delivery_free(first);
  }
}
