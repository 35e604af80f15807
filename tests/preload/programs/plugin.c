/* SPDX-License-Identifier: MIT */
/*
 * Owns a library for dlopen that allocates from its constructor, its destructor, its functions and
 * a thread's key destructor. host.c loads it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *plugin_make(size_t size, int fill);
int plugin_take(char *block, size_t size, int fill);
int plugin_use_key(void);
size_t plugin_constructed(void);

static char *constructed;
static pthread_key_t key;

static void end_thread(void *value)
{
    free(value);
    free(strdup("made and freed when the thread has ended"));
}

__attribute__((constructor)) static void load(void)
{
    constructed = malloc(5000);
    if (constructed)
        memset(constructed, 'c', 5000);
    if (pthread_key_create(&key, end_thread))
        abort();
}

__attribute__((destructor)) static void unload(void)
{
    pthread_key_delete(key);
    free(constructed);
    free(malloc(100));
}

char *plugin_make(size_t size, int fill)
{
    char *block = malloc(size);
    return block ? memset(block, fill, size) : NULL;
}

/* Checks and frees a block of the host. */
int plugin_take(char *block, size_t size, int fill)
{
    int good = 1;
    for (size_t i = 0; i < size; i++)
        good &= block[i] == fill;
    free(block);
    return good;
}

int plugin_use_key(void)
{
    return pthread_setspecific(key, malloc(700)) == 0;
}

size_t plugin_constructed(void)
{
    size_t count = 0;
    while (constructed && count < 5000 && constructed[count] == 'c')
        count++;
    return count;
}
