/* SPDX-License-Identifier: MIT */
/*
 * Tells whether a process does anything, from the state and the processor time of each of its
 * threads. A thread that is ready to run but gets no processor is not idle.
 */
#include "heap/activity.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* Read the beginning of task/THREAD/NAME. */
static bool read_file(int tasks, const char *thread, const char *name, char *text, size_t size)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", thread, name);
    int file = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t length = read(file, text, size - 1);
    close(file);
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* Does the thread wait? *ran_ns is its processor time. A thread that has ended counts as
 * waiting. */
static bool look_at_thread(int tasks, const char *thread, uint64_t *ran_ns)
{
    char text[512];
    *ran_ns = 0;
    if (!read_file(tasks, thread, "stat", text, sizeof text))
        return true;
    const char *name_end = strrchr(text, ')');
    if (!name_end || strncmp(name_end, ") ", 2) != 0 || strchr("RD", name_end[2]))
        return false;
    return read_file(tasks, thread, "schedstat", text, sizeof text) &&
           sscanf(text, "%" SCNu64, ran_ns) == 1;
}

/* Do all threads wait? *ran_ns is their processor time together. */
static bool look(const struct target *target, uint64_t *ran_ns)
{
    bool do_wait = true;
    int file = openat(target->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *threads = file >= 0 ? fdopendir(file) : NULL;
    *ran_ns = 0;
    if (!threads) {
        if (file >= 0)
            close(file);
        return false;
    }
    for (struct dirent *entry; (entry = readdir(threads));) {
        uint64_t thread_ns;
        if (entry->d_name[0] == '.')
            continue;
        do_wait &= look_at_thread(file, entry->d_name, &thread_ns);
        *ran_ns += thread_ns;
    }
    closedir(threads);
    return do_wait;
}

bool activity_is_idle(struct activity *activity, const struct target *target, double seconds)
{
    uint64_t ran_ns;
    double now = clock_seconds();
    bool do_wait = look(target, &ran_ns);
    if (do_wait && activity->since > 0 && ran_ns == activity->ran_ns)
        return now - activity->since >= seconds;
    *activity = (struct activity){ran_ns, now};
    return false;
}
