/* SPDX-License-Identifier: MIT */
/*
 * Defines hakmem_root (diag/root.h). It is in this layer because it points to the state of every
 * layer. The command hakmem finds it by its symbol or its magic.
 */
#include "diag/root.h"

#include "api/api.h"

/* a linker that removes unreferenced data must keep it too */
#if defined(__has_attribute)
#if __has_attribute(retain)
#define kept_data __attribute__((used, retain, section(".data.hakmem_root")))
#endif
#endif
#ifndef kept_data
#define kept_data __attribute__((used, section(".data.hakmem_root")))
#endif

/* The linker's names for the bounds of the section of state_data. */
extern char __start_hak_state[] __attribute__((visibility("hidden")));
extern char __stop_hak_state[] __attribute__((visibility("hidden")));

exported kept_data const struct root hakmem_root = {
    .head =
        {
            .magic = ROOT_MAGIC,
            .version = ROOT_VERSION,
            .size = sizeof(struct root),
            .self = &hakmem_root,
            .library_version = HAKMEM_VERSION_STRING,
        },
    .layout_count = ROOT_LAYOUT_COUNT,
    .layout = ROOT_LAYOUT,
    .setting_names = ROOT_SETTING_NAMES,
    .space = &space,
    .meta = &meta_arena,
    .decay = &decay_clock,
    .settings = &settings,
    .size_classes = size_classes,
    .shared_pool = &shared_pool,
    .depots = depots,
    .pool_traffic = pool_traffic,
    .span_figures = span_figures,
    .thread_caches = &thread_caches,
    .fb_counts = g_fb_counts,
    .profile = &profile,
    .state_start = __start_hak_state,
    .state_end = __stop_hak_state,
    .request = &requests,
};
