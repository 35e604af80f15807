/* SPDX-License-Identifier: MIT */
/*
 * Reads JSON text from any source, with json-c.
 */
#ifndef HAK_CLI_JSON_H
#define HAK_CLI_JSON_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* hakmem writes no larger number; sums of a few such numbers fit into 64 bits. */
#define JSON_NUMBER_MAX ((uint64_t)1 << 60)

/* Parse a text; the caller frees the value with json_object_put. NULL if it is not JSON, or ends
 * too early. */
struct json_object *json_read(const char *text, size_t size, bool *is_cut);
/* Get a member that is a number from 0 to JSON_NUMBER_MAX. False if there is none. */
bool json_get_number(const struct json_object *object, const char *key, uint64_t *number);
/* Get a member that is text, cut to `size` bytes with its terminator; "" if there is none. */
void json_get_text(const struct json_object *object, const char *key, char *text, size_t size);
/* Get a member that is an array; NULL if there is none. */
struct json_object *json_get_array(const struct json_object *object, const char *key);

#endif
