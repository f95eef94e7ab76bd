#include "base/options.h"

#include <stdio.h>

#include "base/bytes.h"

static const aod_option_t *find(const aod_option_t *options, aod_slice_t name) {
  for (; options->name; options++)
    if (aod_slice_is(name, options->name)) return options;
  return NULL;
}

static int set_int(const aod_option_t *option, const char *text, int64_t *value, aod_error_t *err) {
  uint64_t number;
  if (!aod_slice_to_u64(aod_text(text), &number) || number > INT64_MAX ||
      (int64_t)number < option->min || (int64_t)number > option->max)
    return aod_fail(err, AOD_EUSAGE, "%s needs a number from %lld to %lld, not \"%s\"",
                    option->name, (long long)option->min, (long long)option->max, text);
  *value = (int64_t)number;
  return AOD_OK;
}

/* "512M": the letter stands for a power of 1024. */
static int set_size(const aod_option_t *option, const char *text, int64_t *value,
                    aod_error_t *err) {
  static const char letters[] = "KMGT";
  aod_slice_t digits = aod_text(text);
  int shift = 0;
  for (int i = 0; letters[i] && digits.len; i++)
    if (digits.ptr[digits.len - 1] == letters[i]) shift = 10 * (i + 1);
  if (shift) digits.len--;
  uint64_t number;
  if (!aod_slice_to_u64(digits, &number) || number > (uint64_t)INT64_MAX >> shift ||
      (int64_t)(number << shift) < option->min || (int64_t)(number << shift) > option->max)
    return aod_fail(err, AOD_EUSAGE, "%s needs a size such as 512M or 2G, not \"%s\"", option->name,
                    text);
  *value = (int64_t)(number << shift);
  return AOD_OK;
}

static int add(aod_option_list_t *list, const char *value, aod_error_t *err) {
  if (list->count == AOD_OPTION_LIST_MAX)
    return aod_fail(err, AOD_EUSAGE, "more than %d of one kind: %s", AOD_OPTION_LIST_MAX, value);
  list->values[list->count++] = value;
  return AOD_OK;
}

int aod__option_set(const aod_option_t *option, const char *value, void *target, aod_error_t *err) {
  void *field = (char *)target + option->offset;
  switch (option->type) {
  case AOD_OPTION_FLAG:
    *(bool *)field = true;
    return AOD_OK;
  case AOD_OPTION_TEXT:
    *(const char **)field = value;
    return AOD_OK;
  case AOD_OPTION_INT:
    return set_int(option, value, field, err);
  case AOD_OPTION_SIZE:
    return set_size(option, value, field, err);
  case AOD_OPTION_LIST:
    return add(field, value, err);
  }
  return AOD_OK;
}

/* One option at argv[*i], its value after '=' or in the next word. */
static int take(const aod_option_t *options, int argc, char **argv, int *i, void *target,
                bool *given, aod_error_t *err) {
  aod_slice_t rest = aod_text(argv[*i]), name = aod_slice_cut(&rest, '=');
  const aod_option_t *option = find(options, name);
  if (!option)
    return aod_fail(err, AOD_EUSAGE, "unknown option %.*s; --help lists what there is",
                    AOD_ARG(name));
  bool takes_value = option->type != AOD_OPTION_FLAG;
  if (!takes_value && rest.ptr) return aod_fail(err, AOD_EUSAGE, "%s takes no value", option->name);
  const char *value = (const char *)rest.ptr;
  if (takes_value && !value) {
    if (*i + 1 >= argc)
      return aod_fail(err, AOD_EUSAGE, "%s needs a value: %s", option->name, option->argument);
    value = argv[++*i];
  }
  given[option - options] = true;
  return aod__option_set(option, value, target, err);
}

/* Ids are base64url: one in 64 begins with a dash. */
static bool looks_like_id(const char *word) {
  enum { ID_CHARS = 43 };
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return strlen(word) == ID_CHARS && strspn(word, letters) == ID_CHARS;
}

int aod_options_parse(const aod_option_t *options, int argc, char **argv, void *target,
                      aod_option_list_t *words, aod_error_t *err) {
  bool given[AOD_OPTIONS_MAX];
  return aod__options_parse(options, argc, argv, target, words, given, err);
}

int aod__options_parse(const aod_option_t *options, int argc, char **argv, void *target,
                       aod_option_list_t *words, bool *given, aod_error_t *err) {
  bool only_words = false;
  for (int i = 0; i < argc; i++) {
    const char *word = argv[i];
    int code = AOD_OK;
    if (!only_words && strcmp(word, "--") == 0) {
      only_words = true;
    } else if (!only_words && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
      return 1;
    } else if (!only_words && word[0] == '-' && word[1] && !looks_like_id(word)) {
      code = take(options, argc, argv, &i, target, given, err);
    } else if (words) {
      code = add(words, word, err);
    } else {
      code = aod_fail(err, AOD_EUSAGE, "unexpected word \"%s\"; --help tells the usage", word);
    }
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

void aod_options_help(const char *usage, const char *about, const aod_option_t *options) {
  printf("usage: %s\n\n%s\n\n", usage, about);
  for (const aod_option_t *option = options; option->name; option++) {
    aod_buf_t left = {0};
    aod_buf_printf(&left, "%s%s%s", option->name, option->argument ? " " : "",
                   option->argument ? option->argument : "");
    printf("  %-22.*s %s\n", AOD_ARG(aod_buf_slice(&left)), option->doc);
    aod_buf_free(&left);
  }
  printf("  %-22s %s\n", "--help", "this text");
}
