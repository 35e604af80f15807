/* SPDX-License-Identifier: MIT */
/*
 * Owns the search in a mapped file's unwind tables: from .eh_frame_hdr, a table sorted by address,
 * to the function's FDE in .eh_frame, and from there to its CIE. A table that is not sorted or
 * leads anywhere costs no more reads than a good one, and each read is within the reader's bounds.
 */
#include "stack/unwind.h"

#define HEADER_VERSION 1
/* The only form of the sorted table that linkers write: two 32-bit numbers, relative to the header
 * (DW_EH_PE_datarel | DW_EH_PE_sdata4). */
#define TABLE_ENCODING 0x3bu
#define TABLE_ENTRY 8u

#define LENGTH_IS_64_BITS 0xffffffffu
#define ENCODING_FORM 0x0fu

/* ---- the sorted table ---- */

/* Purpose: the search for a function. Invariant: the addresses of low and high enclose pc, if the
 * table is sorted. */
struct search {
    struct reader *reader;
    uintptr_t header;
    uintptr_t table;
    uint64_t low;
    uint64_t high;
    uintptr_t low_pc;
    uintptr_t high_pc;
};

static uintptr_t table_number(const struct search *search, uint64_t index, unsigned offset)
{
    uint64_t number = reader_number(search->reader, search->table + index * TABLE_ENTRY + offset,
                                    4);
    return search->header + (uintptr_t)(int64_t)(int32_t)number;
}

/* Addresses are spread almost evenly, so the place can be guessed; each second step halves, or a
 * table could be made in which guesses take long. */
static uint64_t next_index(const struct search *search, uintptr_t pc, bool is_guess)
{
    uint64_t count = search->high - search->low;
    uint64_t span = search->high_pc - search->low_pc;
    unsigned scale = span >> 32 ? highest_bit(span) - 31 : 0;
    uint64_t step = count / 2;
    if (is_guess && span != 0 && pc < search->high_pc)
        step = ((pc - search->low_pc) >> scale) * count / (span >> scale);
    step = step == 0 ? 1 : step;
    return search->low + (step < count ? step : count - 1);
}

/* The last entry whose function begins at `pc` or before. */
static bool search_table(struct search *search, uintptr_t pc)
{
    uint64_t last = search->high - 1;
    search->low_pc = table_number(search, 0, 0);
    search->high_pc = table_number(search, last, 0);
    if (search->reader->has_failed || search->low_pc > pc)
        return false;
    if (search->high_pc <= pc) {
        search->low = last;
        return true;
    }
    for (bool is_guess = true; search->high - search->low > 1; is_guess = !is_guess) {
        uint64_t index = next_index(search, pc, is_guess);
        uintptr_t start = table_number(search, index, 0);
        if (search->reader->has_failed)
            return false;
        if (start <= pc) {
            search->low = index;
            search->low_pc = start;
        } else {
            search->high = index;
            search->high_pc = start;
        }
    }
    return !search->reader->has_failed;
}

/* The address of the FDE that should have `pc`; 0 when there is none. */
static uintptr_t find_record(struct reader *reader, uintptr_t header, uintptr_t pc)
{
    struct cursor cursor = {reader, header, reader->high};
    uint8_t version = (uint8_t)cursor_number(&cursor, 1);
    uint8_t frame_encoding = (uint8_t)cursor_number(&cursor, 1);
    uint8_t count_encoding = (uint8_t)cursor_number(&cursor, 1);
    uint8_t table_encoding = (uint8_t)cursor_number(&cursor, 1);
    if (version != HEADER_VERSION || table_encoding != TABLE_ENCODING ||
        frame_encoding == POINTER_OMITTED || count_encoding == POINTER_OMITTED)
        return 0;
    cursor_pointer(&cursor, frame_encoding, header);
    uint64_t count = cursor_pointer(&cursor, count_encoding, header);
    if (reader->has_failed || count == 0 || count > UINT32_MAX ||
        count > (reader->high - cursor.at) / TABLE_ENTRY)
        return 0;
    struct search search = {.reader = reader, .header = header, .table = cursor.at, .high = count};
    return search_table(&search, pc) ? table_number(&search, search.low, 4) : 0;
}

/* ---- records ---- */

/* The cursor comes to stand behind the length, and ends where the record ends. */
static bool enter_record(struct cursor *cursor)
{
    uint64_t length = cursor_number(cursor, 4);
    if (length == LENGTH_IS_64_BITS)
        length = cursor_number(cursor, 8);
    if (cursor->reader->has_failed || length == 0 || length > cursor->end - cursor->at)
        return false;
    cursor->end = cursor->at + (uintptr_t)length;
    return true;
}

/* What the letters of a CIE's augmentation say; false for a letter that is not known. */
static bool read_augmentation(struct cursor *cursor, struct cursor letters,
                              struct unwind_entry *entry)
{
    for (;;) {
        switch (cursor_number(&letters, 1)) {
        case 0: return !cursor->reader->has_failed;
        case 'R': entry->encoding = (uint8_t)cursor_number(cursor, 1); break;
        case 'L': cursor_skip(cursor, 1); break;
        case 'P': {
            uint8_t encoding = (uint8_t)cursor_number(cursor, 1);
            /* the address of a function that does not matter here, so neither does where it is */
            cursor_pointer(cursor, encoding & ENCODING_FORM, 0);
            break;
        }
        case 'S': entry->is_signal = true; break;
        case 'B': /* aarch64: return addresses are signed with the other key */
        case 'G': break;
        default: return false;
        }
    }
}

/* Read a CIE; `has_data`: its FDEs have a length of their augmentation, too. */
static bool read_common(struct cursor cursor, struct unwind_entry *entry, bool *has_data)
{
    if (!enter_record(&cursor) || cursor_number(&cursor, 4) != 0)
        return false;
    uint8_t version = (uint8_t)cursor_number(&cursor, 1);
    struct cursor letters = cursor;
    while (cursor_number(&cursor, 1) != 0)
        ;
    if (version == 4)
        cursor_skip(&cursor, 2); /* sizes of addresses and segments */
    entry->code_factor = cursor_unsigned(&cursor);
    entry->data_factor = cursor_signed(&cursor);
    uint64_t return_column = version == 1 ? cursor_number(&cursor, 1) : cursor_unsigned(&cursor);
    if (cursor.reader->has_failed || return_column != STACK_RETURN)
        return false;
    uint8_t first = (uint8_t)cursor_number(&letters, 1);
    *has_data = first == 'z';
    entry->common = cursor;
    if (first != 'z')
        return first == 0;
    uint64_t length = cursor_unsigned(&cursor);
    entry->common = cursor;
    cursor_skip(&entry->common, length);
    return !cursor.reader->has_failed && read_augmentation(&cursor, letters, entry);
}

/* Read an FDE and its CIE. */
static bool read_record(struct cursor cursor, struct unwind_entry *entry)
{
    bool has_data;
    uintptr_t end = cursor.end;
    if (!enter_record(&cursor))
        return false;
    uintptr_t place = cursor.at;
    uint64_t distance = cursor_number(&cursor, 4);
    struct cursor common = {cursor.reader, place - (uintptr_t)distance, end};
    if (distance == 0 || !read_common(common, entry, &has_data))
        return false;
    entry->start = (uintptr_t)cursor_pointer(&cursor, entry->encoding, 0);
    entry->end = entry->start +
                 (uintptr_t)cursor_pointer(&cursor, entry->encoding & ENCODING_FORM, 0);
    if (has_data)
        cursor_skip(&cursor, cursor_unsigned(&cursor));
    entry->own = cursor;
    return !cursor.reader->has_failed;
}

bool table_find(struct reader *reader, uintptr_t header, uintptr_t pc, struct unwind_entry *entry)
{
    *entry = (struct unwind_entry){.code_factor = 1};
    struct cursor record = {reader, find_record(reader, header, pc), reader->high};
    return record.at != 0 && read_record(record, entry) && pc >= entry->start && pc < entry->end;
}
