/* SPDX-License-Identifier: MIT */
/*
 * Owns a program that loads and unloads a library that allocates (plugin.c), again and again, from
 * several threads; blocks cross between the two both ways. It also loads libstdc++ and a copy of
 * the plugin in a namespace with a libc of its own. Arguments: the plugin, and a name that must
 * appear among the mappings. Prints one line.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 100

struct plugin {
    void *handle;
    char *(*make)(size_t size, int fill);
    int (*take)(char *block, size_t size, int fill);
    int (*use_key)(void);
    size_t (*constructed)(void);
};

static const char *path;

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "host: %s\n", what);
    exit(1);
}

static void *symbol(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    check(found != NULL, name);
    return found;
}

/* dlsym's answers become functions by memcpy: C has no cast for it. */
#define FUNCTION(handle, name, target)                                                             \
    do {                                                                                           \
        void *found_ = symbol(handle, name);                                                       \
        memcpy(&(target), &found_, sizeof found_);                                                 \
    } while (0)

static struct plugin load(void *handle)
{
    struct plugin plugin = {.handle = handle};
    if (!handle) {
        fprintf(stderr, "host: %s\n", dlerror());
        exit(1);
    }
    FUNCTION(handle, "plugin_make", plugin.make);
    FUNCTION(handle, "plugin_take", plugin.take);
    FUNCTION(handle, "plugin_use_key", plugin.use_key);
    FUNCTION(handle, "plugin_constructed", plugin.constructed);
    return plugin;
}

static bool holds(const char *block, size_t size, int fill)
{
    for (size_t i = 0; i < size; i++)
        if (block[i] != fill)
            return false;
    return true;
}

static void exchange(struct plugin *plugin, size_t size, int fill)
{
    char *block = plugin->make(size, fill);
    check(block && holds(block, size, fill), "the plugin's block");
    block = realloc(block, size * 2 + 1);
    check(block && holds(block, size, fill), "the plugin's block, resized by the host");
    free(block);
    block = malloc(size);
    check(block != NULL, "malloc");
    memset(block, fill, size);
    check(plugin->take(block, size, fill), "the host's block, freed by the plugin");
}

/* Another thread may hold the plugin: it is unloaded when the last one lets go. */
static void *come_and_go(void *argument)
{
    int fill = *(const int *)argument;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct plugin plugin = load(dlopen(path, RTLD_NOW | RTLD_LOCAL));
        check(plugin.constructed() == 5000, "the constructor's block");
        for (size_t size = 1; size < 400000; size = size * 3 + round)
            exchange(&plugin, size, fill);
        check(dlclose(plugin.handle) == 0, "dlclose");
    }
    return NULL;
}

static void *use_key(void *argument)
{
    struct plugin *plugin = argument;
    check(plugin->use_key(), "pthread_setspecific");
    return NULL;
}

static void run_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    check(!pthread_create(&thread, NULL, function, argument), "pthread_create");
    pthread_join(thread, NULL);
}

/* operator new found by name, its block freed by free. */
static void exercise_libstdcxx(void)
{
    void *handle = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
    if (!handle)
        return;
    void *(*operator_new)(size_t);
    void (*operator_delete)(void *);
    FUNCTION(RTLD_DEFAULT, "_Znwm", operator_new);
    FUNCTION(RTLD_DEFAULT, "_ZdlPv", operator_delete);
    for (size_t size = 1; size < 1000000; size *= 3) {
        free(operator_new(size));
        operator_delete(malloc(size));
    }
}

/* A second libc beside the first, with its own heap: what is made there is freed there. */
static void exercise_namespace(void)
{
    struct plugin plugin = load(dlmopen(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL));
    char *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        blocks[i] = plugin.make(i * 500, 'n');
        check(blocks[i] && holds(blocks[i], i * 500, 'n'), "a block of the other namespace");
        free(malloc(i * 500));
    }
    for (size_t i = 0; i < 200; i++)
        check(plugin.take(blocks[i], i * 500, 'n'), "a block of the other namespace changed");
    check(dlclose(plugin.handle) == 0, "dlclose of the other namespace");
}

static bool is_mapped(const char *name)
{
    char line[1024];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        found |= strstr(line, name) != NULL;
    if (maps)
        fclose(maps);
    return found;
}

int main(int argc, char **argv)
{
    check(argc == 3, "usage: host PLUGIN MAPPED");
    check(is_mapped(argv[2]), "the library is not mapped");
    path = argv[1];
    pthread_t threads[THREADS];
    int fills[THREADS] = {'a', 'b', 'c', 'd'};
    for (size_t t = 0; t < THREADS; t++)
        check(!pthread_create(&threads[t], NULL, come_and_go, &fills[t]), "pthread_create");
    for (size_t t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    struct plugin plugin = load(dlopen(path, RTLD_NOW | RTLD_LOCAL));
    for (int i = 0; i < 200; i++)
        run_thread(use_key, &plugin);
    check(dlclose(plugin.handle) == 0, "dlclose");
    exercise_libstdcxx();
    exercise_namespace();
    printf("loaded and unloaded %d times by %d threads\n", ROUNDS, THREADS);
    return 0;
}
