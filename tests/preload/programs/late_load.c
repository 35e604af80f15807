/* SPDX-License-Identifier: MIT */
/*
 * Owns a program on libc's malloc that loads libhakmem.so late, by dlopen: its hak_ names work
 * beside libc's heap, and blocks of libc given to them go back to libc, counted. Argument: the
 * library. Prints one line.
 */
#include <hakmem/hakmem.h>

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 100

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "late_load: %s\n", what);
    exit(1);
}

#define LOOK_UP(handle, name, target)                                                              \
    do {                                                                                           \
        void *found_ = dlsym(handle, name);                                                        \
        check(found_ != NULL, name);                                                               \
        memcpy(&(target), &found_, sizeof found_);                                                 \
    } while (0)

int main(int argc, char **argv)
{
    char *early[BLOCKS];
    check(argc == 2, "usage: late_load LIBRARY");
    for (size_t i = 0; i < BLOCKS; i++) {
        early[i] = malloc(i * 40 + 1);
        check(early[i] != NULL, "malloc");
        memset(early[i], 'e', i * 40 + 1);
    }
    void *handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "late_load: %s\n", dlerror());
        return 1;
    }
    void *(*late_malloc)(size_t);
    void *(*late_realloc)(void *, size_t);
    void (*late_free)(void *);
    size_t (*late_usable)(const void *);
    int (*late_check)(void);
    uint64_t *counts;
    LOOK_UP(handle, "hak_malloc", late_malloc);
    LOOK_UP(handle, "hak_realloc", late_realloc);
    LOOK_UP(handle, "hak_free", late_free);
    LOOK_UP(handle, "hak_usable_size", late_usable);
    LOOK_UP(handle, "hak_check", late_check);
    LOOK_UP(handle, "g_fb_counts", counts);
    for (size_t i = 0; i < BLOCKS; i++) {
        void *block = late_malloc(i * 1000);
        check(block != NULL, "hak_malloc");
        memset(block, 'l', i * 1000);
        check(late_usable(early[i]) == malloc_usable_size(early[i]), "usable size of libc's block");
        if (i % 2) {
            early[i] = late_realloc(early[i], 20000);
            check(early[i] && early[i][0] == 'e' && early[i][i * 40] == 'e', "realloc of libc's");
        }
        late_free(early[i]);
        late_free(block);
    }
    check(counts[HAK_FB_FOREIGN_FREE] == BLOCKS, "libc's blocks freed are not counted");
    check(counts[HAK_FB_FOREIGN_REALLOC] == BLOCKS / 2, "libc's blocks resized are not counted");
    check(counts[HAK_FB_FOREIGN_USABLE] == BLOCKS, "libc's blocks asked about are not counted");
    check(late_check() == 0, "hak_check found faults");
    check(dlclose(handle) == 0, "dlclose");
    printf("%d of libc's blocks went back to libc\n", BLOCKS);
    return 0;
}
