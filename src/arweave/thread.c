#include "arweave/thread.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key; /* only for its destructor: `self` is the faster way in */
static _Thread_local aod__thread_t *self;
static EVP_MD *sha256, *sha384;

static void thread_free(void *ptr) {
  aod__thread_t *thread = ptr;
  for (size_t i = 0; i < AOD__RSA_CACHE; i++) EVP_PKEY_CTX_free(thread->rsa[i].verify);
  EVP_MD_CTX_free(thread->sha256);
  EVP_MD_CTX_free(thread->sha384);
  free(thread);
  self = NULL;
}

static void init(void) {
  sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
  sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL);
  aod_assert(sha256 && sha384);
  aod_assert(pthread_key_create(&thread_key, thread_free) == 0);
}

const EVP_MD *aod__md_sha256(void) {
  pthread_once(&once, init);
  return sha256;
}

const EVP_MD *aod__md_sha384(void) {
  pthread_once(&once, init);
  return sha384;
}

static EVP_MD_CTX *digest_new(const EVP_MD *md) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  aod_assert(context && EVP_DigestInit_ex2(context, md, NULL));
  return context;
}

aod__thread_t *aod__thread(void) {
  if (self) return self;
  aod__thread_t *thread = aod_alloc(sizeof *thread);
  thread->sha256 = digest_new(aod__md_sha256());
  thread->sha384 = digest_new(aod__md_sha384());
  aod_assert(pthread_setspecific(thread_key, thread) == 0);
  self = thread;
  return thread;
}
