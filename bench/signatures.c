/* The whole way of an item, verified and signed with RSA-4096: parse, hash, check, as uploads do,
 * and make, hash, sign, as units do. Prints what each took a second on every number of threads up
 * to the machine's, as JSON.
 *
 *   bench_signatures WALLET.jwk SECONDS */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "arweave/item.h"
#include "base/clock.h"
#include "base/file.h"

enum { THREADS_MAX = 256, DATA_BYTES = 1024 };

typedef struct {
  const aod_signer_t *signer;
  aod_slice_t raw;
  int64_t until_us;
  bool sign;
  uint64_t count; /* afterwards, with what it took */
  double processor_seconds;
  pthread_t thread;
} worker_t;

static aod_item_fields_t fields_of(void) {
  static uint8_t data[DATA_BYTES];
  static aod_tag_t tags[] = {{AOD_TEXT("Data-Protocol"), AOD_TEXT("ao")},
                             {AOD_TEXT("Type"), AOD_TEXT("Message")},
                             {AOD_TEXT("Variant"), AOD_TEXT("ao.TN.1")}};
  return (aod_item_fields_t){.tags = {tags, 3}, .data = aod_slice(data, sizeof data)};
}

static void verify_once(aod_slice_t raw) {
  aod_arena_t arena = {0};
  aod_item_t item;
  aod_assert(aod_item_parse(raw, &arena, &item, NULL) == AOD_OK);
  aod_assert(aod_item_verify(&item, NULL) == AOD_OK);
  aod_arena_free(&arena);
}

static void sign_once(const aod_signer_t *signer) {
  aod_buf_t raw = {0};
  aod_item_fields_t fields = fields_of();
  aod_assert(aod_item_sign(&fields, signer, &raw, NULL, NULL) == AOD_OK);
  aod_buf_free(&raw);
}

static double processor_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void *work(void *argument) {
  worker_t *worker = argument;
  double began = processor_seconds();
  while (aod_clock_monotonic_us() < worker->until_us) {
    if (worker->sign)
      sign_once(worker->signer);
    else
      verify_once(worker->raw);
    worker->count++;
  }
  worker->processor_seconds = processor_seconds() - began;
  return NULL;
}

typedef struct {
  double per_processor_second, per_second;
} rates_t;

static rates_t measure(const aod_signer_t *signer, aod_slice_t raw, bool sign, int threads,
                       double seconds) {
  worker_t workers[THREADS_MAX];
  int64_t began_us = aod_clock_monotonic_us();
  for (int i = 0; i < threads; i++) {
    workers[i] = (worker_t){.signer = signer,
                            .raw = raw,
                            .sign = sign,
                            .until_us = began_us + (int64_t)(seconds * 1e6)};
    aod_assert(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
  }
  rates_t rates = {0};
  for (int i = 0; i < threads; i++) {
    pthread_join(workers[i].thread, NULL);
    rates.per_processor_second += (double)workers[i].count / workers[i].processor_seconds;
    rates.per_second += (double)workers[i].count;
  }
  rates.per_second *= 1e6 / (double)(aod_clock_monotonic_us() - began_us);
  return rates;
}

static void print_rates(const char *what, rates_t rates) {
  printf(",\"%s\":{\"processor\":%.1f,\"clock\":%.1f}", what, rates.per_processor_second,
         rates.per_second);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: bench_signatures WALLET.jwk SECONDS\n");
    return 64;
  }
  aod_buf_t jwk = {0}, raw = {0};
  aod_signer_t *signer;
  aod_error_t err;
  if (aod_file_read(argv[1], 65536, &jwk, &err) ||
      aod_signer_from_jwk(aod_buf_slice(&jwk), &signer, &err)) {
    fprintf(stderr, "bench_signatures: %s\n", err.message);
    return 1;
  }
  aod_item_fields_t fields = fields_of();
  aod_assert(aod_item_sign(&fields, signer, &raw, NULL, NULL) == AOD_OK);
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (cores > THREADS_MAX) cores = THREADS_MAX;
  printf("[");
  for (int threads = 1;; threads = cores) {
    printf("%s{\"threads\":%d", threads > 1 ? "," : "", threads);
    print_rates("verify", measure(signer, aod_buf_slice(&raw), false, threads, atof(argv[2])));
    print_rates("sign", measure(signer, aod_buf_slice(&raw), true, threads, atof(argv[2])));
    printf("}");
    if (threads == cores) break;
  }
  printf("]\n");
  aod_buf_free(&raw);
  aod_buf_free(&jwk);
  aod_signer_free(signer);
  return 0;
}
