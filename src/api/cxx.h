/* SPDX-License-Identifier: MIT */
/*
 * What operator_new.c needs of a C++ library when there is no memory: the handler, the exception, a
 * catch. This library is C and links no C++ library: each function finds the program's at run time.
 */
#ifndef HAK_API_CXX_H
#define HAK_API_CXX_H

#include "api/api.h"

/* ---- bad_alloc.c ---- */

typedef void (*new_handler)(void);

/* std::get_new_handler() for code at `caller`; NULL when there is none, or no C++ library. */
new_handler bad_alloc_handler(const void *caller);
/* Throw std::bad_alloc for code at `caller`; ends the program where nothing can throw. */
__attribute__((noreturn)) void bad_alloc_throw(size_t size, const void *caller);
/* A function of the C++ library of the code at `caller`; 0 when there is none. */
uintptr_t bad_alloc_find(const char *name, const void *caller);

/* ---- catch.c ---- */

/* call(a, b) for code at `caller`, but NULL when that throws. The exception passes through on
 * processors for which catch.c has no frame. */
void *catch_call(void *(*call)(size_t a, size_t b), size_t a, size_t b, const void *caller);

#endif
