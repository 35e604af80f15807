/* SPDX-License-Identifier: MIT */
/*
 * From an address to functions, files and lines, by elfutils. It maps files that the target's owner
 * may have made and may change: call it in a process that may die (symbols.h).
 */
#ifndef HAK_CLI_RESOLVER_H
#define HAK_CLI_RESOLVER_H

#include "sites/modules.h"
#include "sites/perf_map.h"

/* One function at an address: inlined ones before the function that they were compiled into. */
struct found_frame {
    const char *function; /* NULL: not known */
    const char *file;     /* NULL: not known */
    uint32_t line;
};
typedef void resolver_take(void *state, const struct found_frame *frame, bool is_last);

struct resolver {
    const struct modules *modules;
    pid_t pid; /* 0: a core's */
    struct perf_map perf_map;
    struct Dwfl *dwfl;
    struct Dwfl_Module **reported; /* by module; NULL: not looked at yet, or without symbols */
    bool *is_reported;
};

void resolver_begin(struct resolver *resolver, const struct modules *modules, pid_t pid);
/* Name the functions at an address, innermost first; at least one frame, perhaps an empty one. */
void resolver_find(struct resolver *resolver, uint64_t address, resolver_take *take, void *state);
/* The name as people write it, if it is a mangled name of C++ or Rust; else a copy of it. To be
 * freed. */
char *resolver_demangle(const char *name);

#endif
