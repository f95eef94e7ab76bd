/* What the two files of file-system calls share. */
#ifndef AOD_VM_HOST_FILES_H
#define AOD_VM_HOST_FILES_H

#include "vm/files.h"
#include "vm/host.h"

aod_files_t *aod__host_tree(aod_host_t *host); /* the message's files; charged */
void aod__host_store_stat(aod_host_t *host, uint64_t to, const aod_node_t *node);
void aod__host_set_mode(aod_host_t *host, aod_node_t *node, uint32_t mode); /* permission bits */

#endif
