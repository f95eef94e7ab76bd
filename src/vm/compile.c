/* One compiler run a part, as many at a time as there are cores, then one to link.
 *
 * What a compiler may choose must not be seen: no contraction, no fast mathematics, and the text
 * itself leaves nothing undefined (preamble.h). The children get an environment of their own and
 * write their complaints to files, so that nothing of ours depends on when they end. What they may
 * do is limited (confine.h): the text they read was written by us, but about what strangers wrote.
 */
#include "vm/compile.h"

#include "base/lane.h"
#include "vm/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_SECONDS = 3600, MAX_FLAGS = 24, MAX_COMPLAINT = 700, LOOK_AGAIN_MS = 100 };

#define COMMON                                                                                     \
  "-std=gnu17 -w -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno "                     \
  "-fstack-clash-protection -fno-asynchronous-unwind-tables -fno-ident "

static const char *const flags[] = {
    [AOD_TIER_OPTIMISED] = COMMON "-O2",
    [AOD_TIER_FIRST] = COMMON "-O0",
};

const char *aod__compiler_flags(aod_tier_t tier) {
  return flags[tier];
}

uint32_t aod__compiler_jobs(void) {
  uint32_t cores = aod_cores();
  return cores > 16 ? 16 : cores;
}

/* ---- finding ---- */

static bool find_in_path(const char *name, aod_buf_t *path) {
  const char *environment = getenv("PATH");
  aod_slice_t rest = aod_text(environment ? environment : "/usr/local/bin:/usr/bin:/bin");
  while (rest.ptr) {
    aod_slice_t folder = aod_slice_cut(&rest, ':');
    aod_buf_clear(path);
    aod_buf_printf(path, "%.*s/%s", AOD_ARG(folder), name);
    aod_buf_terminate(path);
    if (folder.len && !access((const char *)path->ptr, X_OK)) return true;
  }
  return false;
}

int aod__compiler_find(const char *wanted, aod_buf_t *path, aod_error_t *err) {
  if (wanted && strchr(wanted, '/')) {
    aod_buf_text(path, wanted);
    aod_buf_terminate(path);
    if (!access(wanted, X_OK)) return 0;
  } else if (wanted ? find_in_path(wanted, path)
                    : find_in_path("clang", path) || find_in_path("cc", path)) {
    return 0;
  }
  return aod_fail(err, AOD_ECOMPILE,
                  "no C compiler: %s not found; install clang (or gcc), or name one",
                  wanted ? wanted : "clang and cc");
}

/* LLVM's x86 backend, when it optimises, folds a volatile load into a conditional move and then
 * makes a branch of that, behind which the load happens on one way only; but a load must trap
 * whether its value is needed or not. Other compilers do not know the option and do not need it. */
static const char workaround[] = "-mllvm -x86-cmov-converter=0";

/* ---- running ---- */

typedef struct {
  const char *argv[MAX_FLAGS + 24]; /* NULL-terminated */
  uint32_t count;
  const char *directory; /* where it may write */
  char *environment[4];  /* NULL-terminated */
  bool background;
} command_t;

static void add(command_t *command, const char *argument) {
  aod_assert(command->count + 1 < sizeof command->argv / sizeof command->argv[0]);
  command->argv[command->count++] = argument;
}

/* Split at blanks into words of the arena. */
static void add_words(command_t *command, aod_arena_t *arena, const char *words) {
  aod_slice_t rest = aod_text(words);
  while (rest.ptr) {
    aod_slice_t word = aod_slice_cut(&rest, ' ');
    if (word.len) add(command, (const char *)aod_arena_copy(arena, word).ptr);
  }
}

/* Between fork and exec only calls that are safe after fork in a threaded program. The group is
 * there so that a driver's own children can be ended with it; the alarm outlives the exec. */
static _Noreturn void become(const command_t *command, int complaints) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);
  alarm(MAX_SECONDS);
  if (command->background) setpriority(PRIO_PROCESS, 0, 19);
  dup2(complaints, STDOUT_FILENO);
  dup2(complaints, STDERR_FILENO);
  if (aod__confine_compiler(command->directory))
    execve(command->argv[0], (char *const *)command->argv, command->environment);
  _exit(127);
}

/* Returns the child or -1. */
static pid_t start(const command_t *command, const char *complaints) {
  int fd = open(complaints, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  pid_t pid = fork();
  if (pid == 0) become(command, fd);
  close(fd);
  return pid;
}

bool aod__compile_stopped(const aod_code_options_t *options, int ms) {
  struct pollfd stop = {.fd = options->background ? options->stop : -1, .events = POLLIN};
  return poll(&stop, 1, ms) > 0;
}

static bool has_ended(pid_t pid) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || info.si_pid != 0;
}

/* In the background: until it has ended or is to. */
static void await(pid_t pid, const aod_code_options_t *options) {
  if (!options->background) return;
  struct pollfd events[2] = {{.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN},
                             {.fd = options->stop, .events = POLLIN}};
  int pause_ms = events[0].fd < 0 ? LOOK_AGAIN_MS : -1; /* no descriptor is to be had */
  while (!events[1].revents && !has_ended(pid)) poll(events, 2, pause_ms);
  if (events[1].revents) { /* its group may not exist yet */
    kill(pid, SIGKILL);
    kill(-pid, SIGKILL);
  }
  if (events[0].fd >= 0) close(events[0].fd);
}

/* The number is the child's until it is reaped, so what it left behind is ended before. */
static bool succeeded(pid_t pid, const aod_code_options_t *options) {
  siginfo_t info;
  int status = 0;
  if (pid < 0) return false;
  await(pid, options);
  while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0)
    if (errno != EINTR) return false;
  kill(-pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

typedef struct {
  const char *compiler, *directory, *workaround;
  const aod_code_options_t *options;
  const aod_c_source_t *source;
  aod_arena_t arena;
} job_t;

/* AOD_ECOMPILE with the beginning of the file. */
static int complain(const job_t *job, const char *complaints, aod_error_t *err) {
  char text[MAX_COMPLAINT] = "";
  FILE *file = fopen(complaints, "rb");
  if (file) {
    size_t len = fread(text, 1, sizeof text - 1, file);
    text[len] = 0;
    fclose(file);
  }
  if (aod__compile_stopped(job->options, 0))
    return aod_fail(err, AOD_ECLOSED, "the compiler was stopped");
  return aod_fail(err, AOD_ECOMPILE, "%s failed: %s", job->compiler,
                  *text ? text : "it said nothing");
}

/* ---- parts ---- */

static char *part_path(job_t *job, uint32_t part, const char *suffix) {
  return aod_arena_printf(&job->arena, "%s/part%u.%s", job->directory, part, suffix);
}

/* Compilers put temporary files where TMPDIR says. */
static command_t begin(job_t *job) {
  char *temporary = aod_arena_printf(&job->arena, "TMPDIR=%s", job->directory);
  command_t command = {.directory = job->directory,
                       .background = job->options->background,
                       .environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", temporary}};
  add(&command, job->compiler);
  return command;
}

static int write_part(job_t *job, uint32_t part, aod_error_t *err) {
  const char *path = part_path(job, part, "c");
  const aod_buf_t *text = &job->source->parts[part];
  FILE *file = fopen(path, "wb");
  bool good = file && fwrite(text->ptr, 1, text->len, file) == text->len;
  if (file && fclose(file)) good = false;
  return good ? 0 : aod_fail(err, AOD_EIO, "%s: %s", path, strerror(errno));
}

static pid_t start_part(job_t *job, uint32_t part) {
  command_t command = begin(job);
  add_words(&command, &job->arena, aod__compiler_flags(job->options->tier));
  add_words(&command, &job->arena, job->workaround);
  add(&command, "-c");
  add(&command, part_path(job, part, "c"));
  add(&command, "-o");
  add(&command, part_path(job, part, "o"));
  add(&command, NULL);
  return start(&command, part_path(job, part, "txt"));
}

/* Whether the compiler takes the option: ask it. */
static bool needs_workaround(job_t *job) {
  command_t command = begin(job);
  add_words(&command, &job->arena, workaround);
  add_words(&command, &job->arena, "-x c -c /dev/null -o");
  add(&command, part_path(job, 0, "probe"));
  add(&command, NULL);
  return succeeded(start(&command, part_path(job, 0, "txt")), job->options);
}

/* All parts, `jobs` at a time; the first failure stops the rest. */
static int compile_parts(job_t *job, aod_error_t *err) {
  uint32_t count = job->source->count, jobs = aod__compiler_jobs(), started = 0;
  pid_t *children = aod_alloc(count * sizeof *children);
  int rc = 0;
  for (uint32_t i = 0; i < count; i++) {
    while (!rc && started < count && started < i + jobs) {
      rc = write_part(job, started, err);
      if (!rc) children[started] = start_part(job, started);
      if (!rc) started++;
    }
    if (i < started && !succeeded(children[i], job->options) && !rc)
      rc = complain(job, part_path(job, i, "txt"), err);
  }
  free(children);
  return rc;
}

static int link_parts(job_t *job, const char *output, aod_error_t *err) {
  command_t command = begin(job);
  add_words(&command, &job->arena, "-shared -Wl,--build-id=none -o");
  add(&command, output);
  for (uint32_t i = 0; i < job->source->count; i++) add(&command, part_path(job, i, "o"));
  add(&command, "-lm");
  add(&command, NULL);
  const char *complaints = part_path(job, 0, "link.txt");
  if (succeeded(start(&command, complaints), job->options)) return 0;
  return complain(job, complaints, err);
}

int aod__compile(const char *compiler, const aod_code_options_t *options,
                 const aod_c_source_t *source, const char *directory, const char *output,
                 aod_error_t *err) {
  job_t job = {.compiler = compiler, .directory = directory, .options = options, .source = source};
  bool optimised = options->tier == AOD_TIER_OPTIMISED;
  job.workaround = optimised && needs_workaround(&job) ? workaround : "";
  int rc = compile_parts(&job, err);
  if (!rc) rc = link_parts(&job, output, err);
  aod_arena_free(&job.arena);
  return rc;
}
