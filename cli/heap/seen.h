/* SPDX-License-Identifier: MIT */
/*
 * The structures of a target, as the command sees them. Each has the size of the library's
 * structure, but only those fields that are in ROOT_LAYOUT (diag/root.h). So a field that is not
 * compared with the target's layout cannot be used: the code does not compile.
 */
#ifndef HAK_CLI_SEEN_H
#define HAK_CLI_SEEN_H

#include "diag/root.h"

#define SEEN_FIELD(tag, field)                                                                     \
    struct {                                                                                       \
        char before_##field[offsetof(struct tag, field)];                                          \
        __typeof__(((struct tag *)0)->field) field;                                                \
    };
#define SEEN_STRUCT(tag)                                                                           \
    union seen_##tag {                                                                             \
        char whole[sizeof(struct tag)];                                                            \
        ROOT_FIELDS_##tag(SEEN_FIELD)                                                              \
    };
ROOT_STRUCTS(SEEN_STRUCT)

#define SEEN_FIELD_CHECK(tag, field)                                                               \
    _Static_assert(offsetof(union seen_##tag, field) == offsetof(struct tag, field), #field);
#define SEEN_CHECK(tag)                                                                            \
    ROOT_FIELDS_##tag(SEEN_FIELD_CHECK) _Static_assert(                                            \
        sizeof(union seen_##tag) == sizeof(struct tag), #tag);
ROOT_STRUCTS(SEEN_CHECK)

/* The part of a slab's record that belongs to its lane. */
static inline const union seen_pool_slab *seen_pooled(const union seen_slab *slab)
{
    return (const union seen_pool_slab *)(const void *)slab->lane;
}

static inline const union seen_huge_block *seen_huge_of(const union seen_slab *slab)
{
    return (const union seen_huge_block *)(const void *)slab->lane;
}

#endif
