/*
 * LD_PRELOAD: makes fsync() and fdatasync() take SLOW_FSYNC_MS milliseconds longer, as on a slower disk.
 *
 * Only the calling process waits; the disk is free meanwhile, so that the calls of several processes overlap.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static int (*real_fsync)(int), (*real_fdatasync)(int);
static struct timespec delay;

__attribute__((constructor)) static void prepare(void)
{
    const char *milliseconds = getenv("SLOW_FSYNC_MS");
    double ms = milliseconds ? atof(milliseconds) : 0;
    delay.tv_sec = (time_t)(ms / 1000);
    delay.tv_nsec = (long)((ms - 1000.0 * (double)delay.tv_sec) * 1e6);
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
}

/* Waits the whole delay, whatever signals come. */
static void wait_longer(void)
{
    struct timespec left = delay;
    int error = errno;
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
    errno = error;
}

int fsync(int fd)
{
    int result = real_fsync(fd);
    wait_longer();
    return result;
}

int fdatasync(int fd)
{
    int result = real_fdatasync(fd);
    wait_longer();
    return result;
}
