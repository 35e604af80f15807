/* SPDX-License-Identifier: MIT */
/*
 * Owns the reading of unwind tables: numbers, LEB128 and encoded addresses, each byte within the
 * reader's bounds. A table may be cut short, wrong, or unmapped while it is read; that must never
 * be a fault. After a failure all reads give 0, so that a caller may ask once, at the end.
 */
#include "stack/unwind.h"

#include <string.h>

/* The least page size. */
#define PAGE_STEP ((uintptr_t)4096)

/* DW_EH_PE_*: the form in the low half, what it is relative to in the high one. */
enum pointer_form {
    FORM_ADDRESS,
    FORM_UNSIGNED,
    FORM_U16,
    FORM_U32,
    FORM_U64,
    FORM_SIGNED = 9,
    FORM_S16,
    FORM_S32,
    FORM_S64
};
#define POINTER_FORM 0x0fu
#define POINTER_RELATIVE 0x70u
#define RELATIVE_TO_PLACE 0x10u
#define RELATIVE_TO_DATA 0x30u
#define POINTER_INDIRECT 0x80u

/* Some kernels are built without this call, and emulators may lack it. */
static _Atomic bool can_copy;

void reader_try_copy(void)
{
    uint32_t process = 0;
    uint8_t from = 1;
    uint8_t to = 0;
    bool is_copied = os_copy(&process, &to, &from, sizeof(to)) && to == from;
    /* relaxed: a walk that sees an old value reads less, or in vain */
    atomic_store_explicit(&can_copy, is_copied, memory_order_relaxed);
}

bool reader_may_copy(void)
{
    return atomic_load_explicit(&can_copy, memory_order_relaxed) && !os_is_filtered();
}

void reader_open(struct reader *reader, uintptr_t low, uintptr_t high, bool copies,
                 struct budget *budget)
{
    reader->low = low;
    reader->high = high;
    reader->budget = budget;
    reader->copies = copies;
    reader->has_failed = false;
    reader->window_size = 0;
    reader->window_start = 0;
}

static uint64_t fail(struct reader *reader)
{
    reader->has_failed = true;
    return 0;
}

/* Copy what lies around an address. A read behind the window goes on forward; any other is a step
 * of a search, whose next steps are on either side. */
static bool move_window(struct reader *reader, uintptr_t at)
{
    bool goes_on = at - reader->window_start <= 2 * READER_WINDOW;
    uintptr_t page = align_down(at, PAGE_STEP);
    uintptr_t start = goes_on || at - page < READER_WINDOW / 2 ? at : at - READER_WINDOW / 2;
    start = max_size(start, reader->low);
    size_t size = min_size(READER_WINDOW, min_size(page + PAGE_STEP, reader->high) - start);
    if (reader->budget->copies == 0)
        return false;
    reader->budget->copies--;
    reader->window_size = 0;
    if (!os_copy(&reader->budget->process, reader->window, (const void *)start, size))
        return false;
    reader->window_start = start;
    reader->window_size = (uint32_t)size;
    return true;
}

static uint8_t copied_byte(struct reader *reader, uintptr_t at)
{
    if (at - reader->window_start >= reader->window_size && !move_window(reader, at))
        return (uint8_t)fail(reader);
    return reader->window[at - reader->window_start];
}

uint64_t reader_number(struct reader *reader, uintptr_t at, unsigned size)
{
    uint64_t number = 0;
    if (reader->has_failed || at < reader->low || at >= reader->high || reader->high - at < size ||
        reader->budget->reads == 0)
        return fail(reader);
    reader->budget->reads--;
    if (!reader->copies) {
        memcpy(&number, (const void *)at, size);
        return number;
    }
    for (unsigned i = 0; i < size && !reader->has_failed; i++)
        number |= (uint64_t)copied_byte(reader, at + i) << (8 * i);
    return number;
}

uint64_t cursor_number(struct cursor *cursor, unsigned size)
{
    if (cursor->at > cursor->end || cursor->end - cursor->at < size)
        return fail(cursor->reader);
    uint64_t number = reader_number(cursor->reader, cursor->at, size);
    cursor->at += size;
    return number;
}

/* The bits of a LEB128 number, and how many there are. */
static uint64_t read_leb128(struct cursor *cursor, unsigned *bits, uint8_t *last)
{
    uint64_t value = 0;
    *bits = 0;
    do {
        *last = (uint8_t)cursor_number(cursor, 1);
        if (*bits < 64)
            value |= (uint64_t)(*last & 0x7f) << *bits;
        *bits += 7;
    } while ((*last & 0x80) && !cursor->reader->has_failed);
    return value;
}

uint64_t cursor_unsigned(struct cursor *cursor)
{
    unsigned bits;
    uint8_t last;
    return read_leb128(cursor, &bits, &last);
}

int64_t cursor_signed(struct cursor *cursor)
{
    unsigned bits;
    uint8_t last;
    uint64_t value = read_leb128(cursor, &bits, &last);
    if (bits < 64 && (last & 0x40))
        value |= UINT64_MAX << bits;
    return (int64_t)value;
}

void cursor_skip(struct cursor *cursor, uint64_t count)
{
    if (cursor->at > cursor->end || cursor->end - cursor->at < count)
        fail(cursor->reader);
    else
        cursor->at += (uintptr_t)count;
}

static uint64_t read_form(struct cursor *cursor, unsigned form)
{
    switch (form) {
    case FORM_ADDRESS: return cursor_number(cursor, sizeof(uintptr_t));
    case FORM_UNSIGNED: return cursor_unsigned(cursor);
    case FORM_U16: return cursor_number(cursor, 2);
    case FORM_U32: return cursor_number(cursor, 4);
    case FORM_U64: return cursor_number(cursor, 8);
    case FORM_SIGNED: return (uint64_t)cursor_signed(cursor);
    case FORM_S16: return (uint64_t)(int16_t)cursor_number(cursor, 2);
    case FORM_S32: return (uint64_t)(int32_t)cursor_number(cursor, 4);
    case FORM_S64: return cursor_number(cursor, 8);
    default: return fail(cursor->reader);
    }
}

uint64_t cursor_pointer(struct cursor *cursor, uint8_t encoding, uintptr_t data)
{
    uintptr_t place = cursor->at;
    uint64_t value = read_form(cursor, encoding & POINTER_FORM);
    if (encoding & POINTER_INDIRECT)
        return fail(cursor->reader);
    switch (encoding & POINTER_RELATIVE) {
    case 0: return value;
    case RELATIVE_TO_PLACE: return value + place;
    case RELATIVE_TO_DATA: return value + data;
    default: return fail(cursor->reader);
    }
}
