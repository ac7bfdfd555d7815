{{/*
The sidecar, as an item of a list of containers. It belongs under initContainers: while sidecar.native is auto or true (with
restartPolicy Always, which an API server refuses elsewhere), and under containers: when it is false.

How a pod ends. The moment it is deleted, its endpoints are taken out, which takes seconds to reach every balancer; meanwhile new
requests still come, and have to be served. Hooks (preStop) run at once, SIGTERM comes after them.

  native   The kubelet stops the app first, and the sidecar when the app has ended. So the app waits (preStop) until no new
           requests come, then ends as it always does; the sidecar outlives its last response and has nothing to wait for.
  plain    Both are told at once. So the sidecar waits (preStop) until no new requests come, is unready and closes its
           listener at SIGTERM, and finishes what is running within limits.drain. The app waits for as long as both take.
*/}}
{{- define "unstick.container" -}}
{{- $scope := dict "given" . -}}
{{- include "unstick.scope" $scope -}}
{{- $v := $scope.values -}}
- name: unstick
  image: {{ include "unstick.image" $scope }}
  imagePullPolicy: {{ $v.image.pullPolicy }}
  args: [run, --config, /etc/unstick/unstick.yaml, --log-level, {{ $v.sidecar.logLevel }}]
  {{- if $scope.native }}
  restartPolicy: Always
  {{- end }}
  {{- with include "unstick.container.env" $scope | trim }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  ports:
    - { name: unstick, containerPort: {{ $v.sidecar.port }}, protocol: TCP }
    - { name: unstick-admin, containerPort: {{ $v.sidecar.adminPort }}, protocol: TCP }
  {{- include "unstick.container.probes" $scope | nindent 2 }}
  {{- if not $scope.native }}
  lifecycle:
    preStop:
      {{- include "unstick.sleep" (dict "scope" $scope "seconds" $v.shutdown.endpointsSeconds) | nindent 6 }}
  {{- end }}
  securityContext:
    runAsNonRoot: {{ ne (int $scope.user) 0 }}
    runAsUser: {{ $scope.user }}
    runAsGroup: {{ $scope.group }}
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: { drop: [ALL] }
    seccompProfile: { type: RuntimeDefault }
  {{- with $v.sidecar.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    - { name: unstick-config, mountPath: /etc/unstick, readOnly: true }
    {{- with include "unstick.container.mounts" $scope | trim }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "unstick.image" -}}
{{- $image := .values.image -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default .version) }}
{{- end -}}
{{- end -}}

{{- define "unstick.container.env" -}}
{{- $v := .values -}}
{{- if not .own }}
# A change of the configuration is one of the pod, so that it rolls.
- name: UNSTICK_CONFIG_CHECKSUM
  value: {{ include "unstick.config.checksum" . }}
{{- end }}
{{- if $v.secret.existingSecret }}
- name: UNSTICK_SECRET
  valueFrom: { secretKeyRef: { name: {{ $v.secret.existingSecret }}, key: {{ $v.secret.key }} } }
{{- end }}
{{- if $v.store.existingSecret }}
- name: UNSTICK_STORE
  valueFrom: { secretKeyRef: { name: {{ $v.store.existingSecret }}, key: {{ $v.store.key }} } }
{{- end }}
{{- if $v.adminToken.existingSecret }}
- name: UNSTICK_ADMIN_TOKEN
  valueFrom: { secretKeyRef: { name: {{ $v.adminToken.existingSecret }}, key: {{ $v.adminToken.key }} } }
{{- end }}
{{- with $v.sidecar.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A native sidecar has to be through its startup probe before the app is started. The store has no say in any of them. */}}
{{- define "unstick.container.probes" -}}
startupProbe:
  httpGet: { path: /readyz, port: {{ .values.sidecar.adminPort }} }
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /livez, port: {{ .values.sidecar.adminPort }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: {{ .values.sidecar.adminPort }} }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- define "unstick.container.mounts" -}}
{{- if hasPrefix "sqlite:" (.values.store.url | default "") -}}
- { name: unstick-store, mountPath: {{ .values.store.url | trimPrefix "sqlite:" | dir }} }
{{- end -}}
{{- include "unstick.folders.mounts" . -}}
{{- with .values.sidecar.volumeMounts }}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{/* A preStop hook that waits. */}}
{{- define "unstick.sleep" -}}
{{- if .scope.sleeps -}}
sleep: { seconds: {{ .seconds }} }
{{- else -}}
exec: { command: [sleep, {{ .seconds | toString | quote }}] }
{{- end -}}
{{- end -}}
