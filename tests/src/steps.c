/* Loaded into a process (LD_PRELOAD), ends it (SIGKILL) just before a chosen one of the calls with which it changes something: what
 * is written to files and connections, and names of files. Calls are counted over all threads, from when a number is chosen.
 * See steps.rs, which compiles it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A file of the test's, which sees the count, and chooses. */
static struct control { _Atomic uint64_t end, count; } *control;

__attribute__((constructor)) static void open_control(void) {
    const char *path = getenv("STEPS");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) control = mapped;
    close(file);
}

static void step(void) {
    uint64_t end = control ? atomic_load(&control->end) : 0;
    if (end && atomic_fetch_add(&control->count, 1) + 1 == end) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
}

/* Not what is printed, and not with what threads wake each other. */
static void step_on(int file) {
    struct stat about;
    if (file > 2 && !fstat(file, &about) && (S_ISREG(about.st_mode) || S_ISSOCK(about.st_mode))) step();
}

#define CALL(result, name, moment, parameters, arguments)                       \
    result name parameters {                                                    \
        static _Atomic(result (*) parameters) next;                             \
        result (*call) parameters = next;                                       \
        if (!call) next = call = (result (*) parameters) dlsym(RTLD_NEXT, #name); \
        moment;                                                                 \
        return call arguments;                                                  \
    }

CALL(ssize_t, write, step_on(file), (int file, const void *bytes, size_t size), (file, bytes, size))
CALL(ssize_t, writev, step_on(file), (int file, const struct iovec *parts, int count), (file, parts, count))
CALL(ssize_t, pwrite, step_on(file), (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at))
CALL(ssize_t, pwrite64, step_on(file), (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at))
CALL(ssize_t, pwritev, step_on(file), (int file, const struct iovec *parts, int count, off_t at), (file, parts, count, at))
CALL(ssize_t, pwritev64, step_on(file), (int file, const struct iovec *parts, int count, off64_t at), (file, parts, count, at))
CALL(ssize_t, send, step_on(file), (int file, const void *bytes, size_t size, int flags), (file, bytes, size, flags))
CALL(int, fsync, step(), (int file), (file))
CALL(int, fdatasync, step(), (int file), (file))
CALL(int, ftruncate64, step(), (int file, off64_t size), (file, size))
CALL(int, rename, step(), (const char *from, const char *to), (from, to))
CALL(int, link, step(), (const char *from, const char *to), (from, to))
CALL(int, linkat, step(), (int source, const char *from, int target, const char *to, int flags), (source, from, target, to, flags))
CALL(int, unlink, step(), (const char *name), (name))
