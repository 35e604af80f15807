/* SPDX-License-Identifier: MIT */
/*
 * Finds hakmem_root in a target, and what belongs to the same program or library.
 */
#ifndef HAK_CLI_FIND_ROOT_H
#define HAK_CLI_FIND_ROOT_H

#include "heap/target.h"

/* The mapping of the file to which an address belongs. Zeroed data has no file: then it is the
 * mapping before, if no gap is between. NULL if there is none. */
const struct mapping *target_file_at(const struct target *target, uint64_t address);
/* The function or variable at an address. False if no file names it. */
struct symbol;
bool target_symbol_at(const struct target *target, uint64_t address, struct symbol *symbol);
/* The address of a function that the file of a mapping names. 0: it names none. */
uint64_t target_find_function(const struct target *target, const struct mapping *mapping,
                              const char *name);
/* The address of hakmem_root. 0: there is none. */
uint64_t target_find_root(struct target *target);
/* A program that names hakmem_root gets a copy of it from the linker. If `root` is such a copy,
 * returns the library's own root; else `root`. */
uint64_t target_find_original(struct target *target, uint64_t root);
/* If the root is in libhakmem.so: the library's data, zeroed data included. False: it is not, or
 * cannot be told. */
bool target_library_data(struct target *target, uint64_t root, uint64_t *start, uint64_t *end);
/* Does [address, +size) lie in memory of the program or library that has the root: in private
 * mappings of the same file, or in the zeroed memory after them? True for all addresses in a core,
 * which is never written. */
bool target_is_of_root(const struct target *target, uint64_t root, uint64_t address, size_t size,
                       bool is_writable);

#endif
