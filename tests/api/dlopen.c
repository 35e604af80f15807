/* SPDX-License-Identifier: MIT */
/*
 * A library that allocates in its constructor, in a call, in a thread-local destructor and in its
 * destructor, opened and closed many times; its blocks outlive it, and so do the values of a thread
 * key that it has made: they are freed when the thread ends, the library being gone. The program
 * compiles it with `cc`; where there is none, the test says so and passes.
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>

static const char source[] =
    "#include <stdlib.h>\n"
    "#include <string.h>\n"
    "#include <pthread.h>\n"
    "static pthread_key_t key; /* stays, with a value in each thread, when we are closed */\n"
    "static int has_key;\n"
    "static char *kept; /* of all threads: exchanged atomically */\n"
    "static void keep(char *block) { free(__atomic_exchange_n(&kept, block, __ATOMIC_SEQ_CST)); }\n"
    "static __thread char *of_thread;\n"
    "__attribute__((constructor)) static void open_(void)\n"
    "{\n"
    "    keep(malloc(1000));\n"
    "    has_key = pthread_key_create(&key, free) == 0;\n"
    "}\n"
    "__attribute__((destructor)) static void close_(void) { keep(NULL); free(of_thread); }\n"
    "char *plugin_block(size_t size, int byte)\n"
    "{\n"
    "    char *block = malloc(size);\n"
    "    if (block) memset(block, byte, size);\n"
    "    free(of_thread);\n"
    "    of_thread = strdup(\"thread\");\n"
    "    keep(realloc(malloc(10), 100 + size / 2));\n"
    "    if (!has_key) abort();\n"
    "    free(pthread_getspecific(key));\n"
    "    if (pthread_setspecific(key, malloc(100 + size / 4)) != 0) abort();\n"
    "    return block;\n"
    "}\n"
    "void plugin_free(char *block) { free(block); free(of_thread); of_thread = NULL; }\n";

static char directory[] = "/tmp/hakmem_dlopen_XXXXXX";
static char library[sizeof directory + 16];

static bool build_library(void)
{
    char file[sizeof directory + 16], command[200];
    CHECK(mkdtemp(directory) != NULL);
    snprintf(file, sizeof file, "%s/plugin.c", directory);
    snprintf(library, sizeof library, "%s/plugin.so", directory);
    int descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(descriptor >= 0);
    CHECK_EQ(write(descriptor, source, sizeof source - 1), sizeof source - 1);
    close(descriptor);
    snprintf(command, sizeof command, "cc -shared -fPIC -o %s %s 2>/dev/null", library, file);
    bool built = system(command) == 0;
    unlink(file);
    return built;
}

static void remove_library(void)
{
    unlink(library);
    rmdir(directory);
}

typedef char *block_function(size_t size, int byte);
typedef void free_function(char *block);

static void *use_library(void *unused)
{
    (void)unused;
    for (int i = 0; i < 40; i++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL)
            check_fail(__FILE__, __LINE__, "%s", dlerror());
        block_function *give = (block_function *)dlsym(handle, "plugin_block");
        free_function *take = (free_function *)dlsym(handle, "plugin_free");
        CHECK(give != NULL && take != NULL);
        CHECK(dlsym(handle, "no_such_name") == NULL); /* dlerror's text is allocated */
        CHECK(dlerror() != NULL);
        size_t size = check_case = (size_t)1 << (i % 22);
        char *outlives = give(size, 'a');
        char *returned = give(size, 'b');
        CHECK(outlives != NULL && returned != NULL);
        take(returned);
        CHECK_EQ(dlclose(handle), 0);
        CHECK(outlives[0] == 'a' && outlives[size - 1] == 'a');
        outlives = realloc(outlives, size + 1);
        CHECK(outlives != NULL);
        CHECK(outlives[0] == 'a' && outlives[size - 1] == 'a');
        free(outlives);
    }
    return NULL;
}

int main(void)
{
    bool built = build_library();
    if (!built) {
        remove_library();
        fprintf(stderr, "skipped: no compiler `cc`\n");
        return 0;
    }
    atexit(remove_library);
    use_library(NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, use_library, NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK(dlopen("/nonexistent/library.so", RTLD_NOW) == NULL);
    CHECK(dlerror() != NULL);
    return 0;
}
