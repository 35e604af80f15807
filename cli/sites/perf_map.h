/* SPDX-License-Identifier: MIT */
/*
 * The names of code that a process has compiled itself, as node and java write them to
 * /tmp/perf-PID.map.
 */
#ifndef HAK_CLI_PERF_MAP_H
#define HAK_CLI_PERF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_map {
    struct perf_entry *entries; /* sorted by address */
    size_t count;
};

/* Read the map of a process; empty when there is none, or when its owner is neither the process's
 * nor root. */
void perf_map_read(struct perf_map *map, pid_t pid);
/* The same of a file. */
void perf_map_read_file(struct perf_map *map, const char *path, uid_t owner);
void perf_map_free(struct perf_map *map);
/* The name of the code at an address; NULL: the map has none. */
const char *perf_map_find(const struct perf_map *map, uint64_t address);

#endif
