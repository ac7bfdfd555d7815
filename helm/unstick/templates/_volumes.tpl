{{/* The pod's volumes that the sidecar needs, as items of volumes:. */}}
{{- define "unstick.volumes" -}}
{{- $scope := dict "given" . -}}
{{- include "unstick.scope" $scope -}}
{{- $v := $scope.values -}}
- name: unstick-config
  configMap:
    name: {{ $scope.configMap }}
    items: [{ key: unstick.yaml, path: unstick.yaml }]
{{- if $scope.php }}
- name: unstick-php
  configMap:
    name: {{ $scope.configMap }}
    items: [{ key: php.ini, path: unstick.ini }]
{{- end }}
{{- range $index, $folder := $scope.folders }}
- name: unstick-sessions-{{ $index }}
  emptyDir:
    {{- with $v.sessionFolder.medium }}
    medium: {{ . }}
    {{- end }}
    sizeLimit: {{ $v.sessionFolder.sizeLimit }}
{{- end }}
{{- if hasPrefix "sqlite:" ($v.store.url | default "") }}
- name: unstick-store
  {{- if $v.store.persistentVolumeClaim }}
  persistentVolumeClaim: { claimName: {{ $v.store.persistentVolumeClaim }} }
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "unstick.folders.mounts" -}}
{{- range $index, $folder := .folders }}
- { name: unstick-sessions-{{ $index }}, mountPath: {{ $folder }} }
{{- end -}}
{{- end -}}
