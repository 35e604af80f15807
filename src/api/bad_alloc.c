/* SPDX-License-Identifier: MIT */
/*
 * Throws std::bad_alloc from C, by the Itanium C++ ABI. The C++ library may be shared, linked into
 * a static program, or private to a plugin; each of these has its own type and its own handler. The
 * search takes the order in which the failing call would find the library without HAKMEM: first the
 * process, then the object that made the call. The search may allocate, so no lock of ours may be
 * held here.
 */
#include "api/cxx.h"

#include <dlfcn.h>

/* Purpose: the parts of a C++ library that we use. Invariant: usable if `raise` is not NULL. */
struct runtime {
    void *(*allocate)(size_t size);
    void (*raise)(void *exception, const void *type, void (*destroy)(void *));
    new_handler (*handler)(void);
    const char *type;           /* type_info of std::bad_alloc; `table` is its table of functions */
    const char *table;          /* NULL if a static program does not use it */
    const char *base_type;      /* type_info of std::exception */
    const char *si_class_table; /* the table of type_info for classes with one base */
};

/* Weak: a C program has none of them. An executable that was linked with us exports them to us. */
extern void *__cxa_allocate_exception(size_t size) __attribute__((weak));
extern void __cxa_throw(void *exception, const void *type, void (*destroy)(void *))
    __attribute__((weak));
extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern const char _ZTISt9bad_alloc[] __attribute__((weak));
extern const char _ZTVSt9bad_alloc[] __attribute__((weak));
extern const char _ZTISt9exception[] __attribute__((weak));
extern const char _ZTVN10__cxxabiv120__si_class_type_infoE[] __attribute__((weak));
/* Weak: a static program may lack them. */
extern __typeof__(dlopen) dlopen __attribute__((weak));
extern __typeof__(dlclose) dlclose __attribute__((weak));
extern __typeof__(dlsym) dlsym __attribute__((weak));
extern __typeof__(dladdr) dladdr __attribute__((weak));

/* ---- the C++ library ---- */

static struct runtime runtime_of_process(void)
{
    return (struct runtime){__cxa_allocate_exception,
                            __cxa_throw,
                            _ZSt15get_new_handlerv,
                            _ZTISt9bad_alloc,
                            _ZTVSt9bad_alloc,
                            _ZTISt9exception,
                            _ZTVN10__cxxabiv120__si_class_type_infoE};
}

static struct runtime runtime_of_object(void *object)
{
    struct runtime runtime = {
        .allocate = (void *(*)(size_t))(uintptr_t)dlsym(object, "__cxa_allocate_exception"),
        .raise = (void (*)(void *, const void *, void (*)(void *)))(uintptr_t)dlsym(object,
                                                                                    "__cxa_throw"),
        .handler = (new_handler(*)(void))(uintptr_t)dlsym(object, "_ZSt15get_new_handlerv"),
        .type = dlsym(object, "_ZTISt9bad_alloc"),
        .table = dlsym(object, "_ZTVSt9bad_alloc"),
        .base_type = dlsym(object, "_ZTISt9exception"),
        .si_class_table = dlsym(object, "_ZTVN10__cxxabiv120__si_class_type_infoE"),
    };
    return runtime;
}

/* The loaded object of this name, or NULL. The caller calls dlclose(). */
static void *open_loaded(const char *name)
{
    return dlopen && dlsym && dlclose ? dlopen(name, RTLD_LAZY | RTLD_NOLOAD) : NULL;
}

/* The functions of the loaded object `name` and of the objects that it needs. The object stays
 * loaded after dlclose: either its code is waiting for our answer, or it is a C++ library, which is
 * never unloaded. */
static struct runtime runtime_of_name(const char *name)
{
    void *object = open_loaded(name);
    if (!object)
        return (struct runtime){0};
    struct runtime runtime = runtime_of_object(object);
    dlclose(object);
    return runtime;
}

static uintptr_t find_in_name(const char *name, const char *function)
{
    void *object = open_loaded(name);
    if (!object)
        return 0;
    uintptr_t found = (uintptr_t)dlsym(object, function);
    dlclose(object);
    return found;
}

/* The name of the object that contains `code`, in the form that dlopen takes; NULL if it is not
 * known. */
static const char *object_name(const void *code)
{
    Dl_info info;
    return dladdr && dladdr(code, &info) ? info.dli_fname : NULL;
}

static const char *const library_names[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};
#define LIBRARY_COUNT (sizeof(library_names) / sizeof(*library_names))

/* Find the C++ library. The order: the program; the libraries that it has loaded globally since its
 * start; the caller's object; any known library. */
static struct runtime find_runtime(const void *caller)
{
    struct runtime runtime = runtime_of_process();
    if (!runtime.raise && dlsym)
        runtime = runtime_of_object(RTLD_DEFAULT);
    const char *name = runtime.raise ? NULL : object_name(caller);
    if (name)
        runtime = runtime_of_name(name);
    for (unsigned i = 0; i < LIBRARY_COUNT && !runtime.raise; i++)
        runtime = runtime_of_name(library_names[i]);
    return runtime;
}

uintptr_t bad_alloc_find(const char *name, const void *caller)
{
    uintptr_t found = dlsym ? (uintptr_t)dlsym(RTLD_DEFAULT, name) : 0;
    const char *object = found ? NULL : object_name(caller);
    if (object)
        found = find_in_name(object, name);
    for (unsigned i = 0; i < LIBRARY_COUNT && !found; i++)
        found = find_in_name(library_names[i], name);
    return found;
}

/* ---- the exception ---- */

/* Purpose: a table of virtual functions. The exception points to `functions`. */
struct table {
    ptrdiff_t offset_to_top;
    const void *type;
    void (*functions[3])(void); /* ~bad_alloc(), the same that frees, what() */
};

/* Purpose: type_info of a class with one base. Invariant: two of them are equal if their names
 * are. */
struct class_type {
    const void *table;
    const char *name;
    const void *base;
};

#define FUNCTIONS_OFFSET offsetof(struct table, functions)

static void destroy_nothing(void *exception)
{
    (void)exception;
}

static const char *what(const void *exception)
{
    (void)exception;
    return "std::bad_alloc";
}

/*
 * Make std::bad_alloc for a static program in which nothing else uses the class (no catch, no
 * container). The linker has left the class out of such a program, but its `catch (std::exception
 * &)` and `catch (...)` must catch our exception.
 */
static const void *make_type(const struct runtime *runtime, const void **table)
{
    static struct class_type type;
    static struct table functions;
    /* every thread writes the same */
    type = (struct class_type){runtime->si_class_table + FUNCTIONS_OFFSET, "St9bad_alloc",
                               runtime->base_type};
    functions = (struct table){
        0,
        &type,
        {(void (*)(void))destroy_nothing, (void (*)(void))destroy_nothing, (void (*)(void))what}};
    *table = functions.functions;
    return &type;
}

new_handler bad_alloc_handler(const void *caller)
{
    struct runtime runtime = find_runtime(caller);
    return runtime.handler ? runtime.handler() : NULL;
}

noinline_cold void bad_alloc_throw(size_t size, const void *caller)
{
    struct runtime runtime = find_runtime(caller);
    const void *type = runtime.type;
    const void *table = runtime.table ? runtime.table + FUNCTIONS_OFFSET : NULL;
    if ((!type || !table) && runtime.si_class_table && runtime.base_type)
        type = make_type(&runtime, &table);
    if (runtime.raise && runtime.allocate && type && table) {
        const void **exception = runtime.allocate(sizeof(*exception));
        *exception = table;
        /* the destructor of std::bad_alloc does nothing */
        runtime.raise(exception, type, destroy_nothing);
    }
    log_abort(
        "operator new(%zu): out of memory, and std::bad_alloc cannot be thrown: no C++ library "
        "is found (none is loaded, or its symbols are hidden)",
        size);
}
