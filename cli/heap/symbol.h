/* SPDX-License-Identifier: MIT */
/*
 * Finds symbols in ELF files that may contain anything.
 */
#ifndef HAK_CLI_SYMBOL_H
#define HAK_CLI_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

/* The file offset of a symbol; false if the file has none. `allowance` is the number of bytes that
 * may still be read. */
bool symbol_find(const char *path, const char *symbol, uint64_t *allowance, uint64_t *file_offset);
/* A function or variable of a file, and the offset of a place in it. */
struct symbol {
    char name[128]; /* printable */
    uint64_t into;  /* bytes from its start */
    uint64_t size;
};
/* The symbol that contains a place of an ELF file; false if there is none. */
bool symbol_at(const char *path, uint64_t file_offset, uint64_t *allowance, struct symbol *symbol);

#endif
