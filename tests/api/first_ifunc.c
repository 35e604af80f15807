/* SPDX-License-Identifier: MIT */
/*
 * The first calls come from an IFUNC resolver of the program: it runs while the dynamic linker
 * still relocates, before any constructor, the library's own included.
 */
#include "check.h"

/* Not there in a program linked with -static. */
extern const char dynamic_section __asm__("_DYNAMIC") __attribute__((weak));

static void *kept[8];
static int resolver_runs;

static int answer(int number)
{
    return number + 1;
}

static void allocate_early(void)
{
    for (size_t i = 0; i < 8; i++) {
        size_t size = opaque_size((size_t)16 << (2 * i)); /* 16 B to 256 KiB */
        char *block = malloc(size);
        if (block == NULL)
            return;
        pattern_fill_sparse(block, size, i);
        kept[i] = realloc(block, size + size / 2);
        free(calloc(1, size));
    }
}

typedef int answer_function(int);

__attribute__((used)) static answer_function *resolve_answer(void)
{
    /* In a statically linked program there is no thread-local storage yet: libc's rule. */
    if (&dynamic_section != NULL) {
        allocate_early();
        resolver_runs++;
    }
    return answer;
}

int chosen_answer(int number) __attribute__((ifunc("resolve_answer")));

int main(void)
{
    CHECK_EQ(chosen_answer(41), 42);
    if (&dynamic_section == NULL)
        return 0;
    CHECK_GE(resolver_runs, 1);
    for (size_t i = 0; i < 8; i++) {
        size_t size = check_case = (size_t)16 << (2 * i);
        CHECK(kept[i] != NULL);
        CHECK(pattern_sparse_holds(kept[i], size, size, i));
        CHECK_GE(malloc_usable_size(opaque(kept[i])), size + size / 2);
        free(kept[i]);
    }
    return 0;
}
