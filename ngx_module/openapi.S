/* openapi.json as it is in the tree; the folder above is where nginx looks for our headers. */

        .section .rodata
        .global errtrack_openapi, errtrack_openapi_end
        .hidden errtrack_openapi, errtrack_openapi_end
errtrack_openapi:
        .incbin "ngx_module/openapi.json"
errtrack_openapi_end:

        .section .note.GNU-stack, "", %progbits
