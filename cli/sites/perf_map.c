/* SPDX-License-Identifier: MIT */
/*
 * Reads the maps of code that a process has compiled itself. A line is START SIZE NAME, with
 * hexadecimal numbers. A compiler that uses memory again writes a new line for it: if two lines
 * hold an address, the later one is right. Any user may write to /tmp, so the file is believed only
 * if it belongs to the owner of the process or to root.
 */
#include "sites/perf_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "heap/plain_file.h"

#define FILE_BYTES_MAX ((off_t)256 << 20)

struct perf_entry {
    uint64_t start;
    uint64_t end;
    size_t order; /* of its line */
    char *name;
};

static void add_line(struct perf_map *map, char *line)
{
    uint64_t start;
    uint64_t size;
    int name = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%" SCNx64 " %" SCNx64 " %n", &start, &size, &name) != 2 || name == 0 ||
        line[name] == '\0' || size == 0 || start + size < start)
        return;
    char *copy = strdup(line + name);
    if (!copy)
        return;
    if ((map->count & (map->count - 1)) == 0)
        map->entries = memory_resize(map->entries, map->count ? 2 * map->count : 1,
                                     sizeof *map->entries);
    map->entries[map->count] = (struct perf_entry){
        .start = start, .end = start + size, .order = map->count, .name = copy};
    map->count++;
}

static int compare_entries(const void *a, const void *b)
{
    const struct perf_entry *left = a;
    const struct perf_entry *right = b;
    if (left->start != right->start)
        return (left->start > right->start) - (left->start < right->start);
    return (left->order > right->order) - (left->order < right->order);
}

void perf_map_read_file(struct perf_map *map, const char *path, uid_t owner)
{
    struct stat status;
    char *line = NULL;
    size_t room = 0;
    *map = (struct perf_map){0};
    int file = plain_file_open(path, &status);
    if (file < 0)
        return;
    FILE *stream = NULL;
    if ((status.st_uid == owner || status.st_uid == 0) && status.st_size <= FILE_BYTES_MAX)
        stream = fdopen(file, "r");
    if (!stream) {
        close(file);
        return;
    }
    off_t left = status.st_size; /* it may grow meanwhile, for ever */
    for (ssize_t length; left > 0 && (length = getline(&line, &room, stream)) > 0; left -= length)
        add_line(map, line);
    free(line);
    fclose(stream);
    if (map->count > 0)
        qsort(map->entries, map->count, sizeof *map->entries, compare_entries);
}

/* The process's number in its own namespace of processes: the last of the line NSpid. */
static pid_t inner_pid(pid_t pid)
{
    char path[64];
    char line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *stream = fopen(path, "re");
    pid_t inner = pid;
    while (stream && fgets(line, sizeof line, stream)) {
        const char *last = strrchr(line, '\t');
        if (strncmp(line, "NSpid:", 6) == 0 && last)
            inner = (pid_t)strtol(last, NULL, 10);
    }
    if (stream)
        fclose(stream);
    return inner;
}

void perf_map_read(struct perf_map *map, pid_t pid)
{
    char path[96];
    struct stat status;
    *map = (struct perf_map){0};
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    if (stat(path, &status) != 0)
        return;
    snprintf(path, sizeof path, "/proc/%d/root/tmp/perf-%d.map", (int)pid, (int)inner_pid(pid));
    perf_map_read_file(map, path, status.st_uid);
}

void perf_map_free(struct perf_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        free(map->entries[i].name);
    free(map->entries);
    *map = (struct perf_map){0};
}

/* How far back an entry may begin that still holds the address. */
#define BACK_MAX 16

const char *perf_map_find(const struct perf_map *map, uint64_t address)
{
    size_t low = 0;
    size_t high = map->count;
    const struct perf_entry *found = NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->entries[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i > 0 && low - i < BACK_MAX; i--) {
        const struct perf_entry *entry = &map->entries[i - 1];
        if (address < entry->end && (!found || entry->order > found->order))
            found = entry;
    }
    return found ? found->name : NULL;
}
