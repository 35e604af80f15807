/* SPDX-License-Identifier: MIT */
/*
 * Where hakmem_root is in a target, and what belongs to the same program or library.
 */
#ifndef HAK_CLI_FIND_ROOT_H
#define HAK_CLI_FIND_ROOT_H

#include "heap/target.h"

/* The mapping of the file that says what is at an address: there, or before it in one
 * piece, since zeroed data is memory of no file. NULL: there is none. */
const struct mapping *target_file_at(const struct target *target, uint64_t address);
/* The function or variable at an address. False: no file tells. */
struct symbol;
bool target_symbol_at(const struct target *target, uint64_t address, struct symbol *symbol);
/* The address of hakmem_root. 0: there is none. */
uint64_t target_find_root(struct target *target);
/* Where the library keeps the same root, if `root` is a copy: a program that names hakmem_root has
 * a copy of its own, by the linker. Else `root`. */
uint64_t target_find_original(struct target *target, uint64_t root);
/* Does [address, +size) lie in the memory of the program or library that holds the root: in private
 * mappings of the same file, or the zeroed memory that follows them? True of all addresses in a
 * core, which is never written to. */
bool target_is_of_root(const struct target *target, uint64_t root, uint64_t address, size_t size,
                       bool is_writable);

#endif
