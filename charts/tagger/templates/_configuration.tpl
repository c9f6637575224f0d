{{/* How the program is told what it is to do: environment variables, and the files that they name. */}}

{{- define "tagger.certificate" -}}
{{- if .Values.certificate.certManager.enabled -}}
{{- .Values.certificate.secret | default (printf "%s-admission" (include "tagger.name" .)) -}}
{{- else -}}
{{- .Values.certificate.secret -}}
{{- end -}}
{{- end -}}

{{/* A variable, where there is something to say: (list NAME VALUE). */}}
{{- define "tagger.variable" -}}
{{- with index . 1 }}
- name: {{ index $ 0 }}
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "tagger.authorities" -}}
{{- $files := list -}}
{{- range $number, $authority := .Values.registries.authorities -}}
{{- $file := printf "/etc/tagger/authorities/%d/%s" $number ($authority.key | default "ca.crt") -}}
{{- $files = append $files (ternary (printf "%s=%s" $authority.registry $file) $file (not (empty $authority.registry))) -}}
{{- end -}}
{{- join "," $files -}}
{{- end -}}

{{- define "tagger.environment" -}}
{{- $name := include "tagger.name" . -}}
{{- $registries := .Values.registries -}}
- name: TAGGER_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: TAGGER_INSTANCE
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- include "tagger.variable" (list "TAGGER_LEASE" $name) }}
{{- include "tagger.variable" (list "TAGGER_LEASE_DURATION" (toString (int .Values.leaderElection.leaseDurationSeconds))) }}
{{- include "tagger.variable" (list "TAGGER_REGISTRATION_OWNER" $name) }}
{{- include "tagger.variable" (list "TAGGER_ADMISSION_SERVICE" (printf "%s-admission" $name)) }}
{{- range $variable, $port := dict
  "TAGGER_ADMISSION_ADDRESS" .Values.ports.admission
  "TAGGER_HEALTH_ADDRESS" .Values.ports.health
  "TAGGER_RECEIVER_ADDRESS" .Values.ports.receiver
  "TAGGER_DOCKER_WEBHOOKS_ADDRESS" .Values.ports.dockerWebhooks
  "TAGGER_QUAY_WEBHOOKS_ADDRESS" .Values.ports.quayWebhooks }}
{{- include "tagger.variable" (list $variable (printf "%s:%d" $.Values.listen (int $port))) }}
{{- end }}
{{- include "tagger.variable" (list "TAGGER_DRAIN" (toString .Values.admission.drainSeconds)) }}
{{- if include "tagger.certificate" . }}
{{- include "tagger.variable" (list "TAGGER_ADMISSION_CERTIFICATE" "/etc/tagger/certificate") }}
{{- end }}
{{- include "tagger.variable" (list "TAGGER_INSECURE_REGISTRIES" (join "," $registries.insecure)) }}
{{- include "tagger.variable" (list "TAGGER_PRIVATE_REGISTRIES" (join "," $registries.private)) }}
{{- include "tagger.variable" (list "TAGGER_UNQUALIFIED_REGISTRIES" (join "," $registries.unqualified)) }}
{{- include "tagger.variable" (list "TAGGER_REGISTRY_CAS" (include "tagger.authorities" .)) }}
{{- if or $registries.registriesConf.content $registries.registriesConf.configMap }}
{{- include "tagger.variable" (list "TAGGER_REGISTRIES_CONF" (printf "/etc/tagger/registries-conf/%s" $registries.registriesConf.key)) }}
{{- end }}
{{- if $registries.dockerConfig.secret }}
{{- include "tagger.variable" (list "TAGGER_DOCKER_CONFIG" (printf "/etc/tagger/docker-config/%s" $registries.dockerConfig.key)) }}
{{- end }}
{{- include "tagger.variable" (list "TAGGER_REGISTRY_REQUESTS" (toString (int $registries.requests))) }}
{{- include "tagger.variable" (list "TAGGER_REGISTRY_RATE" (toString (int $registries.rate))) }}
{{- include "tagger.variable" (list "CACHE_REGISTRY_ADDRESS" .Values.cache.address) }}
{{- include "tagger.variable" (list "TAGGER_CACHE_REFERENCE_ADDRESS" .Values.cache.referenceAddress) }}
{{- if .Values.cache.insecure }}
{{- include "tagger.variable" (list "CACHE_REGISTRY_INSECURE" "true") }}
{{- end }}
{{- with .Values.cache.credentials }}
{{- if .secret }}
- name: CACHE_REGISTRY_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .usernameKey }}
- name: CACHE_REGISTRY_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .passwordKey }}
{{- end }}
{{- end }}
{{- with .Values.cache.dockerConfig }}
{{- if .secret }}
{{- include "tagger.variable" (list "TAGGER_CACHE_DOCKER_CONFIG" (printf "/etc/tagger/cache-docker-config/%s" .key)) }}
{{- end }}
{{- end }}
{{- include "tagger.variable" (list "TAGGER_RECEIVER_SECRET" .Values.receiver.secret) }}
{{- include "tagger.variable" (list "TAGGER_RECEIVER_OPEN" (join "," .Values.receiver.open)) }}
{{- include "tagger.variable" (list "TAGGER_IMPORTS" (toString (int .Values.imports))) }}
{{- include "tagger.variable" (list "TAGGER_MIRRORS" (toString (int .Values.mirrors))) }}
{{- include "tagger.variable" (list "TAGGER_ROLL_OUTS" (toString (int .Values.rollOuts))) }}
{{- include "tagger.variable" (list "TAGGER_ROLL_OUT_RATE" (toString (int .Values.rollOutRate))) }}
{{- include "tagger.variable" (list "TAGGER_LOG_FORMAT" .Values.log.format) }}
{{- include "tagger.variable" (list "TAGGER_LOG_LEVEL" .Values.log.level) }}
{{- if .Values.tracing.endpoint }}
{{- include "tagger.variable" (list "TAGGER_OTLP_ENDPOINT" .Values.tracing.endpoint) }}
{{- include "tagger.variable" (list "TAGGER_OTLP_SAMPLE" (toString .Values.tracing.sample)) }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Volumes are folders, never single files, so that what changes in them reaches the program. */}}
{{- define "tagger.volumes" -}}
{{- with include "tagger.certificate" . }}
- name: certificate
  secret:
    secretName: {{ . }}
{{- end }}
{{- range $number, $authority := .Values.registries.authorities }}
- name: authority-{{ $number }}
  {{- if $authority.configMap }}
  configMap:
    name: {{ $authority.configMap }}
  {{- else }}
  secret:
    secretName: {{ $authority.secret }}
  {{- end }}
{{- end }}
{{- with .Values.registries.registriesConf }}
{{- if or .content .configMap }}
- name: registries-conf
  configMap:
    name: {{ .configMap | default (printf "%s-registries-conf" (include "tagger.name" $)) }}
{{- end }}
{{- end }}
{{- with .Values.registries.dockerConfig.secret }}
- name: docker-config
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.cache.dockerConfig.secret }}
- name: cache-docker-config
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tagger.mounts" -}}
{{- $folders := list -}}
{{- if include "tagger.certificate" . }}{{ $folders = append $folders (list "certificate" "certificate") }}{{ end -}}
{{- range $number, $authority := .Values.registries.authorities -}}
{{- $folders = append $folders (list (printf "authority-%d" $number) (printf "authorities/%d" $number)) -}}
{{- end -}}
{{- with .Values.registries.registriesConf }}{{ if or .content .configMap }}{{ $folders = append $folders (list "registries-conf" "registries-conf") }}{{ end }}{{ end -}}
{{- if .Values.registries.dockerConfig.secret }}{{ $folders = append $folders (list "docker-config" "docker-config") }}{{ end -}}
{{- if .Values.cache.dockerConfig.secret }}{{ $folders = append $folders (list "cache-docker-config" "cache-docker-config") }}{{ end -}}
{{- range $folders }}
- name: {{ index . 0 }}
  mountPath: /etc/tagger/{{ index . 1 }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
