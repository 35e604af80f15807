/* SPDX-License-Identifier: MIT */
/*
 * The parts of a C++ library that operator_new.c needs if memory is short: the handler, the
 * exception, a catch. This library is written in C and is not linked with a C++ library: the
 * functions find the program's at run time.
 */
#ifndef HAK_API_CXX_H
#define HAK_API_CXX_H

#include "api/api.h"

/* ---- bad_alloc.c ---- */

typedef void (*new_handler)(void);

/* std::get_new_handler() for code at `caller`; NULL if there is no handler, or no C++ library. */
new_handler bad_alloc_handler(const void *caller);
/* Throw std::bad_alloc for code at `caller`; ends the program if nothing can throw it. */
__attribute__((noreturn)) void bad_alloc_throw(size_t size, const void *caller);
/* A function of the C++ library that the code at `caller` uses; 0 if there is none. */
uintptr_t bad_alloc_find(const char *name, const void *caller);

/* ---- catch.c ---- */

/* Make the call call(a, b) for code at `caller`; NULL if it throws. On processors for which catch.c
 * has no frame, the exception passes through. */
void *catch_call(void *(*call)(size_t a, size_t b), size_t a, size_t b, const void *caller);

#endif
