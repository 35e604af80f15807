/* SPDX-License-Identifier: MIT */
/*
 * Looks symbols up in ELF files that may be anything.
 */
#ifndef HAK_CLI_SYMBOL_H
#define HAK_CLI_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

/* The file offset of a symbol of an ELF file; false when the file has none. `allowance`
 * is how many bytes may still be read for that. */
bool symbol_find(const char *path, const char *symbol, uint64_t *allowance, uint64_t *file_offset);
/* A function or variable of a file, and where in it a place is. */
struct symbol {
    char name[128]; /* printable */
    uint64_t into;  /* bytes from its start */
    uint64_t size;
};
/* The symbol that a place of an ELF file belongs to; false when there is none. */
bool symbol_at(const char *path, uint64_t file_offset, uint64_t *allowance, struct symbol *symbol);

#endif
